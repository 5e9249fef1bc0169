"""The client for threads, as tests make it that hold for both clients."""

from __future__ import annotations

from typing import Any

from zoldyq.client import Client, Producer
from zoldyq.client.options import SenderOptions
from zoldyq.client.sender import SendSome


class BlockingFace:
    """Makes the objects of the client for threads."""

    name = "threads"

    def __call__(self, *args: Any, **options: Any) -> Any:
        return Client(*args, **options)

    def producer(self, sink: SendSome, options: SenderOptions, timeout: float | None) -> Any:
        """Return a producer that sends its batches to a function."""
        return Producer(sink, options, timeout)

    def close(self) -> None:
        """Nothing is left behind."""
