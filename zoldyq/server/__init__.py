"""The server. ``from zoldyq.server import create_app`` gives the WSGI application to embed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoldyq.server.wsgi.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> object:
    # Only when it is asked for: nothing below the application may need Falcon.
    if name == "create_app":
        from zoldyq.server.wsgi.app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
