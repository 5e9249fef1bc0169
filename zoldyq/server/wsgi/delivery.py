"""Messages on their way out through a WSGI server."""

from __future__ import annotations

from collections.abc import Callable

from zoldyq.wire import Reply

#: A body goes out in pieces of this many bytes, so that a server which stops taking them while
#: the client reads nothing has not taken all of it beforehand.
PIECE_BYTES = 1 << 16


class DeliveryBody:
    """The body of a reply with messages, which go back unless the server took all of it.

    A server asks for the next piece once it has written the last one, and calls ``close`` in any
    case. It is an object and no generator, because closing a generator that never began runs
    nothing of it, and a client may have gone before the first piece.
    """

    def __init__(self, reply: Reply, put_back: Callable[[Reply], None]) -> None:
        self._reply = reply
        self._put_back = put_back
        self._written = 0
        self._settled = False

    def __iter__(self) -> DeliveryBody:
        return self

    def __next__(self) -> bytes:
        piece = self._reply.body[self._written : self._written + PIECE_BYTES]
        if not piece:
            self._settled = True
            raise StopIteration
        self._written += len(piece)
        return piece

    def close(self) -> None:
        """Return the messages to their queue if the body was not taken whole."""
        if not self._settled:
            self._settled = True
            self._put_back(self._reply)
