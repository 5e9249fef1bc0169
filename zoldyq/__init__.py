"""ZoldyQ: an in-memory FIFO message server with named, bounded queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoldyq.client import Client
    from zoldyq.client.aio import AsyncClient

__all__ = ["AsyncClient", "Client", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # Only when it is asked for: the server and embedded queues need no HTTP client.
    if name == "Client":
        from zoldyq.client import Client

        return Client
    if name == "AsyncClient":
        from zoldyq.client.aio import AsyncClient

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
