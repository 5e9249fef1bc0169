"""Request bodies out of a WSGI server, within limits."""

from __future__ import annotations

from falcon import Request
from falcon.typing import ReadableIO

from zoldyq.contract.errors import MalformedRequest
from zoldyq.server.api.operations import Limits
from zoldyq.wire import check_content_encoding

_PIECE_BYTES = 1 << 16


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
    """Read up to ``most`` bytes for nothing.

    Many a client looks for an answer only once it has sent everything, and would find its
    connection broken instead of learning that the body was too large.
    """
    while most > 0 and (piece := stream.read(min(most, _PIECE_BYTES))):
        most -= len(piece)
