"""A WebSocket echo on ZoldyQ's own server and session code, which has no echo itself.

Everything is what a session has: the native server, the handshake, :class:`Connection`, its
channel and its splitter. Only what answers the messages is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zoldyq.queue import QueueManager
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.operations import Limits, Operations
from zoldyq.server.native.server import NativeServer
from zoldyq.server.websocket.channel import Channel
from zoldyq.server.websocket.connection import Connection
from zoldyq.server.websocket.frames import text_frame
from zoldyq.server.websocket.handshake import check_handshake

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

#: Where the native server lets a WebSocket in.
PATH = "/queues/echo/enqueue"

#: The largest message of the test suite.
MAX_MESSAGE_BYTES = 16 << 20

_BINARY = b"\x82"


class Echo:
    """Answers each message with itself."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def on_texts(self, texts: list[bytes]) -> None:
        self._channel.write(b"".join([text_frame(text) for text in texts]))

    def on_binary(self, data: bytes) -> None:
        self._channel.write(_BINARY + text_frame(data)[1:])

    def work(self) -> bool:
        return False

    def on_closing(self) -> None:
        """Do nothing: all was answered."""

    def close(self) -> None:
        """Do nothing: it keeps nothing."""


def serve_echo(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Be the WSGI application of a server that echoes."""
    check_handshake(environ)
    with Channel(environ["werkzeug.socket"], send_seconds=10) as channel:
        Connection(
            environ,
            channel,
            Echo(channel),
            subprotocol=None,
            max_message_bytes=MAX_MESSAGE_BYTES,
            ping_seconds=20,
        ).run()
    return []


@contextmanager
def echoing() -> Iterator[tuple[str, int]]:
    """Run the server on a free port of the loopback interface, and tell its address."""
    operations = Operations(QueueManager(), Limits())
    server = NativeServer(serve_echo, operations, AccessPolicy(()))
    (url,) = server.listen("127.0.0.1", 0)
    server.start()
    try:
        yield "127.0.0.1", int(url.rsplit(":", 1)[1])
    finally:
        server.stop()
