"""One request and its answer: the body that comes in, the reply, and the messages that go out.

From the moment in which a message is taken until its last byte is written, it has an owner: the
:class:`Handover` of its request, which was there before and puts back what was not delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from falcon import Request, Response
from falcon.typing import ReadableIO

from zoldyq.contract.errors import MalformedRequest
from zoldyq.server.api.operations import Limits
from zoldyq.server.api.waits import Wait
from zoldyq.wire import Reply, check_content_encoding

#: A body goes out in pieces of this many bytes. A server that stops when the client reads nothing
#: then holds one piece, not all of it.
PIECE_BYTES = 1 << 16
#: Where the environment of a request holds its :class:`Handover`.
HANDOVER_KEY = "zoldyq.handover"
#: Where it holds the token of who sent it.
CALLER_KEY = "zoldyq.caller"

_NO_CONTENT = 204


class Handover:
    """The owner of what one request takes from a queue; also the body that carries it.

    The caller of an operation assigns what it returned to ``outcome`` at once. A wait that was
    not finished is abandoned at the end, and messages that were not written go back.

    It is a body as PEP 3333 has it: a server asks for the next piece once it has written the last
    one, and calls :meth:`close` in any case. (A generator would not do: to close one that never
    began runs nothing of it, and the client may have gone before the first piece.)
    """

    __slots__ = ("_put_back", "_written", "outcome")

    def __init__(self, put_back: Callable[[Reply], None]) -> None:
        self.outcome: Reply | Wait[Reply] | None = None
        self._put_back = put_back
        self._written = 0

    def body_of(self, chunks: Iterable[bytes]) -> Iterable[bytes]:
        """Return what the server is to write, given what the application wants to be written.

        Where that is not the reply with the messages, something failed after they were taken.
        """
        reply = self.outcome
        if isinstance(reply, Reply):
            for chunk in chunks:  # a list
                if chunk is reply.body:
                    return self
        self.close()
        return chunks

    def __iter__(self) -> Handover:
        return self

    def __next__(self) -> bytes:
        reply = self.outcome
        if isinstance(reply, Reply):
            piece = reply.body[self._written : self._written + PIECE_BYTES]
            if piece:
                self._written += len(piece)
                return piece
            self.outcome = None  # all of it was written
        raise StopIteration

    def close(self) -> None:
        """Return to the queue what was not delivered. To close twice is harmless."""
        try:
            self._give_back()
        except Exception:  # noqa: BLE001 - what fails twice is for the server to report
            self._give_back()

    def _give_back(self) -> None:
        outcome = self.outcome
        if isinstance(outcome, Reply):
            self._put_back(outcome)
        elif outcome is not None:
            outcome.abandon()
        self.outcome = None


def send(resp: Response, reply: Reply) -> None:
    """Make a response out of a reply."""
    resp.status = reply.status
    resp.set_headers(list(reply.headers))
    if reply.status != _NO_CONTENT:
        resp.content_type = reply.content_type
        resp.data = reply.body


def read_body(req: Request, limits: Limits) -> bytes:
    """Return the whole body of a request.

    Raises:
        BodyTooLarge: it is larger than the limit.
        UnsupportedEncoding: it is compressed.
        MalformedRequest: the client left before it had sent all of it.
    """
    check_content_encoding(req.get_header("Content-Encoding"))
    length = req.content_length
    if length is None:
        return _read_chunked(req, limits)
    if limits.max_body_bytes < length <= 2 * limits.max_body_bytes:
        _discard(req.bounded_stream, length)
    limits.check_body(length)
    body = req.bounded_stream.read(length)
    if len(body) < length:
        raise MalformedRequest("the body is shorter than its Content-Length")
    return body


def _read_chunked(req: Request, limits: Limits) -> bytes:
    """Read a body of unknown length; none where the server does not say where it ends."""
    if not req.env.get("wsgi.input_terminated"):
        return b""
    body: bytes = req.stream.read(limits.max_body_bytes + 1)
    if len(body) > limits.max_body_bytes:
        _discard(req.stream, limits.max_body_bytes)
    limits.check_body(len(body))
    return body


def _discard(stream: ReadableIO, most: int) -> None:
    """Read up to ``most`` bytes and throw them away.

    Many clients look for an answer only after they have sent everything. Without this they would
    find the connection broken, and not learn that the body was too large.
    """
    while most > 0 and (piece := stream.read(min(most, PIECE_BYTES))):
        most -= len(piece)
