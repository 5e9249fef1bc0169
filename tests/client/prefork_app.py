"""A web application that makes its client and producer before the server forks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from zoldyq import Client

client = Client.from_env()
producer = client.queue("hits").producer(max_delay=0.05)
client.health()  # so that there is a connection that workers could share by mistake
producer.send("of the parent")


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Count the hit, and see whether this process gets its own messages and no others."""
    own = client.queue(f"own-{os.getpid()}")
    own.enqueue(environ["PATH_INFO"])
    message = own.dequeue(timeout=5)
    right = message is not None and message.payload == environ["PATH_INFO"]
    producer.send({"path": environ["PATH_INFO"], "pid": os.getpid()})
    start_response("200 OK" if right else "500 Mixed Up", [("Content-Length", "0")])
    return []
