"""ZoldyQ: an in-memory FIFO message server with named, bounded queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoldyq.client import Client

__all__ = ["Client", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # Only when it is asked for: the server and embedded queues need no HTTP client.
    if name == "Client":
        from zoldyq.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
