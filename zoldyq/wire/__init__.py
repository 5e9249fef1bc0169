"""Bytes to meaning and back: request bodies, query parameters, replies and error documents.

Pure functions without I/O. Field names and the statuses of error codes are written here and in
:mod:`zoldyq.server.api.operations` alone.

Payloads are kept verbatim. ``msgspec.Raw`` is a validated but undecoded slice of the body, so a
23-digit integer, ``1.10`` or a duplicate key comes back as it was sent; decoding and encoding
again would change all three. Raw checks the grammar but not the text, hence the UTF-8 check.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec

from zoldyq.contract.errors import (
    InvalidCapacity,
    InvalidCount,
    InvalidJson,
    InvalidTimeout,
    MissingPayload,
    Overloaded,
    UnknownField,
    UnsupportedEncoding,
    ZoldyQError,
)
from zoldyq.queue import Delivery, Message, QueueStats, Receipt

# The faster encoder for the documents below, but no dependency where it has no wheel or would
# switch the GIL back on. Payloads pass through neither encoder.
encode_document: Callable[[object], bytes]
try:
    from orjson import dumps as encode_document
except ImportError:
    encode_document = msgspec.json.encode

JSON = "application/json"
NDJSON = "application/x-ndjson"
Headers = tuple[tuple[str, str], ...]

#: What every reply says that changes or reports state.
NO_STORE: Headers = (("Cache-Control", "no-store"),)
Buffer = bytes | bytearray
_T = TypeVar("_T")

#: The HTTP status of every error code that reaches a client.
STATUS_OF: Mapping[str, int] = {
    "invalid_queue_name": 400,
    "invalid_json": 400,
    "missing_payload": 400,
    "unknown_field": 400,
    "invalid_timeout": 400,
    "invalid_count": 400,
    "invalid_capacity": 400,
    "malformed_request": 400,
    "unauthorized": 401,
    "forbidden_origin": 403,
    "not_found": 404,
    "queue_not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "queue_exists": 409,
    "body_too_large": 413,
    "unsupported_encoding": 415,
    "unsupported_expectation": 417,
    "batch_exceeds_capacity": 422,
    "upgrade_required": 426,
    "queue_full": 429,
    "memory_limit": 429,
    "headers_too_large": 431,
    "internal_error": 500,
    "unsafe_server": 500,
    "websocket_unavailable": 501,
    "too_many_waiting": 503,
    "too_many_connections": 503,
    "too_many_websockets": 503,
    "shutting_down": 503,
    "max_queues_reached": 507,
}

#: Headers that a code always comes with, beside those of the error itself.
_HEADERS_OF: Mapping[str, Headers] = {
    "unauthorized": (("WWW-Authenticate", "Bearer"),),
    "upgrade_required": (("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")),
}


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


# -- requests ----------------------------------------------------------------------------------


class _Envelope(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    payloads: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


class _Creation(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    capacity: int


class FlowControl(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What a WebSocket consumer says: it grants messages, or it returns some. One is not 0."""

    credit: int = 0
    put_back: int = 0


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_line = msgspec.json.Decoder(msgspec.Raw).decode
_decode_lines = msgspec.json.Decoder(msgspec.Raw).decode_lines
_decode_creation = msgspec.json.Decoder(_Creation).decode
_decode_flow_control = msgspec.json.Decoder(FlowControl).decode

_ENVELOPE_HINT = 'send {"payload": ...} or {"payloads": [...]}'


def parse_enqueue(body: Buffer) -> tuple[Sequence[bytes], bool]:
    """Return the payloads of an enqueue body, verbatim, and whether it is a batch.

    Raises:
        InvalidJson: the body is no JSON text in UTF-8.
        MissingPayload: it is JSON without a payload.
        UnknownField: it holds another field, or both ``payload`` and ``payloads``.
    """
    _check_utf8(body)
    try:
        envelope = _decode_envelope(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _explain(error, body) from None
    single, many = envelope.payload, envelope.payloads
    if many is msgspec.UNSET:
        if single is msgspec.UNSET:
            raise MissingPayload(f"the body has no payload: {_ENVELOPE_HINT}")
        return (bytes(single),), False
    if single is not msgspec.UNSET:
        raise UnknownField(f"the body has payload and payloads: {_ENVELOPE_HINT}", field="payload")
    if not many:
        raise MissingPayload("payloads is empty: give at least one payload")
    # No JSON text holds a raw NUL. Joining and splitting in C takes two thirds of the time of a
    # copy for each.
    return b"\0".join(many).split(b"\0"), True


def parse_ndjson(body: Buffer) -> tuple[Sequence[bytes], bool]:
    """Return the payloads of a body with one JSON text a line; blank lines are passed over.

    Raises:
        InvalidJson: a line is no JSON text in UTF-8, or holds more or less than one.
        MissingPayload: there is no line.
    """
    _check_utf8(body)
    try:
        values = _decode_lines(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _explain(error, body) from None
    if not values:
        raise MissingPayload("the body has no line: send one payload a line")
    # The decoder separates values by any white space. One value a line means: no value spans
    # lines, and there are as many values as lines that are not blank; so there are if the lines
    # hold nothing but the values.
    lines = b"\n".join(values)
    payloads = lines.split(b"\n")
    if len(payloads) != len(values) or not (
        (body.startswith(lines) and len(body) - len(lines) <= 1) or len(payloads) == _lines(body)
    ):
        raise InvalidJson("send exactly one JSON payload a line", offset=_odd_line(body))
    return payloads, True


def parse_capacity(body: Buffer) -> int:
    """Return the capacity that a request for a new queue asks for.

    Raises:
        InvalidJson, UnknownField: as :func:`parse_enqueue`.
        InvalidCapacity: there is none, or it is no whole number.
    """
    creation = _parse_small(
        body, _decode_creation, InvalidCapacity, 'send {"capacity": n} with a whole number n'
    )
    return creation.capacity


def parse_flow_control(text: Buffer, max_credit: int) -> FlowControl:
    """Return what a WebSocket consumer says: ``{"credit": n}`` or ``{"put_back": k}``.

    Raises:
        InvalidJson, UnknownField: as :func:`parse_enqueue`.
        InvalidCount: it gives neither or both, the credit is no whole number from 1 to
            ``max_credit``, or the number to put back is no whole number from 1.
    """
    hint = (
        f'send {{"credit": n}} with a whole number n from 1 to {max_credit}, '
        'or {"put_back": k} with a whole number k from 1'
    )
    said = _parse_small(text, _decode_flow_control, InvalidCount, hint)
    if said.put_back:
        valid = said.put_back > 0 and not said.credit
    else:
        valid = 1 <= said.credit <= max_credit
    if not valid:
        raise InvalidCount(hint, minimum=1, maximum=max_credit)
    return said


def parse_query(query: str) -> Mapping[str, str]:
    """Return the parameters of a query string; the last of equal names counts."""
    return dict(parse_qsl(query, keep_blank_values=True)) if query else {}


# No two parts that can match the same digits: with `\d+\.?\d*` a parameter of 16,000 digits took
# five seconds to refuse.
_SECONDS = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"\d{1,18}", re.ASCII)


def parse_timeout(text: str | None, maximum: float) -> float:
    """Return a ``timeout`` parameter in seconds; 0 if there is none.

    Raises:
        InvalidTimeout: it is no number from 0 to ``maximum``.
    """
    if text is None:
        return 0.0
    if _SECONDS.fullmatch(text) is not None and (timeout := float(text)) <= maximum:
        return timeout
    raise InvalidTimeout(
        f"timeout must be a number of seconds from 0 to {maximum:g}", minimum=0, maximum=maximum
    )


def parse_count(text: str | None, maximum: int, parameter: str = "count") -> int | None:
    """Return a ``count`` or ``credit`` parameter; None if there is none.

    Raises:
        InvalidCount: it is no whole number from 1 to ``maximum``.
    """
    if text is None:
        return None
    if _WHOLE.fullmatch(text) is not None and 1 <= (count := int(text)) <= maximum:
        return count
    raise InvalidCount(
        f"{parameter} must be a whole number from 1 to {maximum}", minimum=1, maximum=maximum
    )


def is_ndjson(content_type: str | None) -> bool:
    """Tell whether a Content-Type says NDJSON; every other type is read as JSON."""
    return content_type is not None and content_type.partition(";")[0].strip().lower() == NDJSON


def check_content_encoding(encoding: str | None) -> None:
    """Accept the Content-Encoding of a request. Raises UnsupportedEncoding if it is compressed."""
    if encoding and encoding.strip().lower() != "identity":
        raise UnsupportedEncoding("send the body as it is: this server reads no compressed bodies")


def accepts_ndjson(accept: str | None) -> bool:
    """Tell whether an Accept header names NDJSON (a wildcard does not)."""
    return accept is not None and any(map(is_ndjson, accept.split(",")))


# -- replies -----------------------------------------------------------------------------------


def enqueue_reply(name: str, receipt: Receipt, batch: bool) -> Reply:
    """Acknowledge messages."""
    return Reply(200, enqueued(name, receipt, batch), headers=NO_STORE)


def enqueued(name: str, receipt: Receipt, batch: bool) -> bytes:
    """Return the document that acknowledges messages, over HTTP and WebSocket alike."""
    if batch:
        return b'{"queued":true,"queue_name":"%b","count":%d,"queue_size":%d,"enqueued_at":%d}' % (
            name.encode(),
            receipt.count,
            receipt.queue_size,
            receipt.enqueued_at,
        )
    return b'{"queued":true,"queue_name":"%b","queue_size":%d,"enqueued_at":%d}' % (
        name.encode(),
        receipt.queue_size,
        receipt.enqueued_at,
    )


def not_enqueued(error: ZoldyQError) -> bytes:
    """Return the document that refuses a WebSocket message."""
    return encode_document({"queued": False, **error_document(error)})


NOTHING_CAME = Reply(204, headers=NO_STORE)


def delivery_reply(name: str, delivery: Delivery, batch: bool, ndjson: bool) -> Reply:
    """Hand messages to a consumer, or tell that none came."""
    messages = delivery.messages
    if not messages:
        return NOTHING_CAME
    if ndjson:
        return Reply(200, _lines_of(messages), NDJSON, NO_STORE, name, delivery)
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


def peek_reply(name: str, delivery: Delivery, ndjson: bool) -> Reply:
    """Show messages that stay in their queue."""
    if ndjson:
        return Reply(200, _lines_of(delivery.messages), NDJSON, NO_STORE)
    return Reply(200, _batch_document(name, delivery), headers=NO_STORE)


def streamed(name: str, messages: Sequence[Message]) -> bytes:
    """Return the WebSocket text that carries several messages in one frame."""
    return b'{"messages":[%b],"queue_name":"%b","count":%d}' % (
        _message_documents(messages),
        name.encode(),
        len(messages),
    )


def streamed_one_by_one(name: str, messages: Sequence[Message]) -> list[bytes]:
    """Return the WebSocket texts that carry one message a frame."""
    tail = b',"queue_name":"%b","enqueued_at":' % name.encode()
    return [b'{"payload":%b%b%d}' % (m.payload, tail, m.enqueued_at) for m in messages]


def put_back_document(count: int) -> bytes:
    """Return the WebSocket text that tells a consumer how many messages it has put back."""
    return b'{"put_back":%d}' % count


def document_reply(document: object, status: int = 200) -> Reply:
    """Answer with a JSON document that must not be cached."""
    return Reply(status, encode_document(document), headers=NO_STORE)


def error_document(error: ZoldyQError) -> dict[str, object]:
    """Return what a client is told about an error."""
    return {"error": error.code, "message": error.message, **error.details}


def error_reply(error: ZoldyQError, headers: Headers = ()) -> Reply:
    """Refuse a request, saying why and what to do."""
    all_headers: Headers = (*NO_STORE, *_HEADERS_OF.get(error.code, ()), *headers)
    if isinstance(error, Overloaded):
        all_headers = (*all_headers, ("Retry-After", "1"))
    return Reply(STATUS_OF[error.code], encode_document(error_document(error)), headers=all_headers)


def with_headers(reply: Reply, headers: Headers) -> Reply:
    """Return the reply with further headers."""
    if not headers:
        return reply
    return msgspec.structs.replace(reply, headers=(*reply.headers, *headers))


def stats_document(stats: QueueStats, now: int) -> dict[str, object]:
    """Return a queue's statistics as clients see them; ``now`` is microseconds since the epoch."""
    oldest = stats.oldest_enqueued_at
    return {
        "size": stats.size,
        "capacity": stats.capacity,
        "utilization": round(stats.size / stats.capacity, 6),
        "bytes": stats.bytes,
        "oldest_age_seconds": age_seconds(oldest, now),
        "enqueued_total": stats.enqueued_total,
        "dequeued_total": stats.dequeued_total,
        "queue_full_total": stats.queue_full_total,
        "dequeue_timeout_total": stats.dequeue_timeout_total,
        "put_back_total": stats.put_back_total,
        "purged_total": stats.purged_total,
        "waiting_consumers": stats.waiting_consumers,
        "waiting_producers": stats.waiting_producers,
    }


def age_seconds(oldest: int | None, now: int) -> float:
    """Return the age in seconds of a time stamp in microseconds; 0 for None."""
    return 0.0 if oldest is None else max(now - oldest, 0) / 1_000_000


# -- helpers -----------------------------------------------------------------------------------

_stamp_of = attrgetter("enqueued_at")


def _batch_document(name: str, delivery: Delivery) -> bytes:
    return b'{"messages":[%b],"queue_name":"%b","count":%d,"queue_size":%d}' % (
        _message_documents(delivery.messages),
        name.encode(),
        len(delivery.messages),
        delivery.queue_size,
    )


def _message_documents(messages: Sequence[Message]) -> bytes:
    """Return the members of a ``messages`` array.

    Messages of one batch share their time stamp, so each run of equal stamps is one join: 70 ns
    a message instead of 300 ns with a format for each.
    """
    stamps = [message.enqueued_at for message in messages]
    if stamps and stamps.count(stamps[0]) == len(stamps):  # one run: half the time of groupby
        return _run_documents(stamps[0], messages)
    return b",".join([_run_documents(stamp, run) for stamp, run in groupby(messages, _stamp_of)])


def _run_documents(stamp: int, messages: Iterable[Message]) -> bytes:
    tail = b',"enqueued_at":%d}' % stamp
    payloads = (tail + b',{"payload":').join([message.payload for message in messages])
    return b'{"payload":%b%b' % (payloads, tail)


def _lines_of(messages: Sequence[Message]) -> bytes:
    """Return one payload a line. Line breaks inside a payload, which JSON only has between
    tokens, become blanks: they would tear the line apart."""
    lines = b"\n".join([message.payload for message in messages])
    if lines.count(b"\n") != len(messages) - 1 or b"\r" in lines:
        lines = b"\n".join([m.payload.translate(_NO_LINE_BREAKS) for m in messages])
    return lines + b"\n" if messages else b""


_NO_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")


def _lines(body: Buffer) -> int:
    """Count the lines that are not blank."""
    return sum(1 for line in body.split(b"\n") if line.strip())


def _odd_line(body: Buffer) -> int:
    """Return the offset of the first line that holds more or less than one JSON text."""
    offset = 0
    for line in body.split(b"\n"):
        try:
            if line.strip():
                _decode_line(line)
        except msgspec.DecodeError:
            return offset
        offset += len(line) + 1
    return offset


def _check_utf8(body: Buffer) -> None:
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise InvalidJson("the body is not UTF-8", offset=error.start) from None


def _parse_small(
    body: Buffer, decode: Callable[[Buffer], _T], refusal: type[ZoldyQError], hint: str
) -> _T:
    """Decode a document of one field; ``refusal`` is raised where the field is missing or odd."""
    _check_utf8(body)
    try:
        return decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        reason = _explain(error, body, hint)
        raise (refusal(hint) if isinstance(reason, MissingPayload) else reason) from None


_OFFSET = re.compile(r"\(byte (\d+)\)")
_FIELD = re.compile(r"unknown field `(.*)`", re.DOTALL)


def _explain(error: Exception, body: Buffer, hint: str = _ENVELOPE_HINT) -> ZoldyQError:
    """Say in our own terms why the decoder refused a body."""
    text = str(error)
    if isinstance(error, msgspec.ValidationError):
        field = _FIELD.search(text)
        if field is not None:
            # Shortened: nobody shall get megabytes back because that was the field's name.
            return UnknownField(f"the body has an unknown field: {hint}", field=field[1][:100])
        return MissingPayload(f"the body has no payload: {hint}")
    if isinstance(error, RecursionError):
        return InvalidJson("the JSON is nested too deeply", offset=0)
    found = _OFFSET.search(text)
    offset = int(found.group(1)) if found is not None else len(body)
    if "trailing characters" in text:
        offset -= 1  # it points behind the first of them
    return InvalidJson("the body is not valid JSON", offset=offset)
