"""What goes back to clients: the replies to their requests, and the texts of WebSocket frames.

Documents that the hot path sends are written from byte templates, since an encoder takes several
times as long; they are those of :mod:`zoldyq.wire.documents`, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import final

import msgspec

from zoldyq.contract.errors import ZoldyQError
from zoldyq.queue import Delivery, Message, Receipt
from zoldyq.wire.media import JSON

# The faster encoder for plain documents, but no dependency where it has no wheel or would
# switch the GIL back on. Payloads pass through neither encoder.
encode_document: Callable[[object], bytes]
try:
    from orjson import dumps as encode_document
except ImportError:
    encode_document = msgspec.json.encode

Headers = tuple[tuple[str, str], ...]

#: What every reply says that changes or reports state.
NO_STORE: Headers = (("Cache-Control", "no-store"),)


@final
class Reply(msgspec.Struct, frozen=True, gc=False):
    """What goes back to a client, whichever server writes it.

    ``delivered`` are the messages in the body, if any; they return to their places in the queue
    ``queue_name`` if the body cannot be written.
    """

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Headers = ()
    queue_name: str = ""
    delivered: Delivery | None = None


def enqueue_reply(name: str, receipt: Receipt, batch: bool) -> Reply:
    """Acknowledge messages."""
    return Reply(200, enqueued(name, receipt, batch), headers=NO_STORE)


def enqueued(name: str, receipt: Receipt, batch: bool) -> bytes:
    """Return the document that acknowledges messages, over HTTP and WebSocket alike."""
    if batch:
        document = (
            b'{"queued":true,"queue_name":"%b","count":%d,"queue_size":%d,"enqueued_at":%d}'
            % (name.encode(), receipt.count, receipt.queue_size, receipt.enqueued_at)
        )
    else:
        document = b'{"queued":true,"queue_name":"%b","queue_size":%d,"enqueued_at":%d}' % (
            name.encode(),
            receipt.queue_size,
            receipt.enqueued_at,
        )
    if receipt.dropped:
        return b'%b,"dropped":%d}' % (document[:-1], receipt.dropped)
    return document


def not_enqueued(error: ZoldyQError) -> bytes:
    """Return the document that refuses a WebSocket message."""
    return encode_document({"queued": False, **error_document(error)})


NOTHING_CAME = Reply(204, headers=NO_STORE)


def delivery_reply(name: str, delivery: Delivery, batch: bool, lines: str | None) -> Reply:
    """Hand messages to a consumer, or tell that none came.

    ``lines`` is the media type for one payload a line, None for a document.
    """
    messages = delivery.messages
    if not messages:
        return NOTHING_CAME
    if lines is not None:
        return Reply(200, _lines_of(messages), lines, NO_STORE, name, delivery)
    if batch:
        body = _batch_document(name, delivery)
    else:
        body = b'{"payload":%b,"queue_name":"%b","queue_size":%d,"enqueued_at":%d}' % (
            messages[0].payload,
            name.encode(),
            delivery.queue_size,
            messages[0].enqueued_at,
        )
    return Reply(200, body, JSON, NO_STORE, name, delivery)


def peek_reply(name: str, delivery: Delivery, lines: str | None) -> Reply:
    """Show messages that stay in their queue; ``lines`` as in :func:`delivery_reply`."""
    if lines is not None:
        return Reply(200, _lines_of(delivery.messages), lines, NO_STORE)
    return Reply(200, _batch_document(name, delivery), headers=NO_STORE)


def streamed(name: str, messages: Sequence[Message]) -> bytes:
    """Return the WebSocket text that carries several messages in one frame."""
    end = b'],"queue_name":"%b","count":%d}' % (name.encode(), len(messages))
    return _message_documents(messages, b'{"messages":[', end)


def streamed_one_by_one(name: str, messages: Sequence[Message]) -> list[bytes]:
    """Return the WebSocket texts that carry one message a frame."""
    tail = b',"queue_name":"%b","enqueued_at":' % name.encode()
    return [b'{"payload":%b%b%d}' % (m.payload, tail, m.enqueued_at) for m in messages]


def put_back_document(count: int) -> bytes:
    """Return the WebSocket text that tells a consumer how many messages it has put back."""
    return b'{"put_back":%d}' % count


def document_reply(document: msgspec.Struct, status: int = 200) -> Reply:
    """Answer with one of the documents of :mod:`zoldyq.wire.documents`."""
    return Reply(status, msgspec.json.encode(document), headers=NO_STORE)


def error_document(error: ZoldyQError) -> dict[str, object]:
    """Return what a client is told about an error."""
    return {"error": error.code, "message": error.message, **error.details}


def error_reply(error: ZoldyQError, headers: Headers = ()) -> Reply:
    """Refuse a request, saying why and what to do."""
    if error.status is None:
        raise TypeError(f"{error.code} is no error that a server tells its clients")
    body = encode_document(error_document(error))
    return Reply(error.status, body, headers=(*NO_STORE, *error.headers, *headers))


def with_headers(reply: Reply, headers: Headers) -> Reply:
    """Return the reply with further headers."""
    if not headers:
        return reply
    return msgspec.structs.replace(reply, headers=(*reply.headers, *headers))


# -- helpers -----------------------------------------------------------------------------------

_stamp_of = attrgetter("enqueued_at")


def _batch_document(name: str, delivery: Delivery) -> bytes:
    end = b'],"queue_name":"%b","count":%d,"queue_size":%d}' % (
        name.encode(),
        len(delivery.messages),
        delivery.queue_size,
    )
    return _message_documents(delivery.messages, b'{"messages":[', end)


def _message_documents(messages: Sequence[Message], begin: bytes, end: bytes) -> bytes:
    """Return the members of a ``messages`` array, between what begins and what ends the document.

    Messages of one batch share their time stamp, so each run of equal stamps is one join: 70 ns
    a message instead of 300 ns with a format for each.
    """
    stamps = [message.enqueued_at for message in messages]
    if stamps and stamps.count(stamps[0]) == len(stamps):  # one run: half the time of groupby
        return _run_documents(stamps[0], messages, begin, end)
    runs = [_run_documents(stamp, run) for stamp, run in groupby(messages, _stamp_of)]
    return b"%b%b%b" % (begin, b",".join(runs), end)


def _run_documents(
    stamp: int, messages: Iterable[Message], begin: bytes = b"", end: bytes = b""
) -> bytes:
    """Return messages with one time stamp, of which there is at least one. All is copied once."""
    tail = b',"enqueued_at":%d}' % stamp
    payloads = [message.payload for message in messages]
    payloads[0] = b'%b{"payload":%b' % (begin, payloads[0])
    payloads[-1] = b"%b%b%b" % (payloads[-1], tail, end)
    return (tail + b',{"payload":').join(payloads)


def _lines_of(messages: Sequence[Message]) -> bytes:
    """Return one payload a line. Line breaks inside a payload, which JSON only has between
    tokens, become blanks: they would tear the line apart."""
    lines = b"\n".join([message.payload for message in messages])
    if lines.count(b"\n") != len(messages) - 1 or b"\r" in lines:
        lines = b"\n".join([m.payload.translate(_NO_LINE_BREAKS) for m in messages])
    return lines + b"\n" if messages else b""


_NO_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")
