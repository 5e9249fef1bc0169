"""What clients send: request bodies, query parameters and headers into their meaning.

Payloads are kept verbatim. ``msgspec.Raw`` is a validated but undecoded slice of the body, so a
23-digit integer, ``1.10`` or a duplicate key comes back as it was sent; decoding and encoding
again would change all three. Raw checks the grammar but not the text, hence the UTF-8 check.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from zoldyq.contract import defaults
from zoldyq.contract.errors import (
    InvalidCount,
    InvalidJson,
    InvalidPolicy,
    InvalidTimeout,
    InvalidTtl,
    MissingPayload,
    UnknownField,
    UnknownParameter,
    ZoldyQError,
)
from zoldyq.contract.policy import MAX_SECONDS
from zoldyq.wire.bounded import LONG_BYTES, Buffer, batch_too_large, goes_on, parse_long_lines

_T = TypeVar("_T")


class _Envelope(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    payload: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    payloads: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


class FlowControl(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What a WebSocket consumer says: it grants messages, or it returns some. One is not 0.

    With ``stop`` it returns some, or none, and wants no more until it grants messages again.
    """

    credit: int = 0
    put_back: int = 0
    stop: bool = False


#: Documents with a handful of fields are never longer: reading one takes less than a millisecond.
_DOCUMENT_BYTES = 64 << 10

_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_line = msgspec.json.Decoder(msgspec.Raw).decode
_decode_lines = msgspec.json.Decoder(msgspec.Raw).decode_lines
_decode_policy = msgspec.json.Decoder(dict[str, Any]).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_flow_control = msgspec.json.Decoder(FlowControl).decode

_NO_LINE = "the body has no line: send one payload a line"
_ENVELOPE_HINT = 'send {"payload": ...} or {"payloads": [...]}'


def parse_enqueue(body: Buffer, most: int = defaults.MAX_BATCH) -> tuple[Sequence[bytes], bool]:
    """Return the payloads of an enqueue body, verbatim, and whether it is a batch.

    Raises:
        BatchTooLarge: it has more than ``most`` payloads.
        InvalidJson: the body is no JSON text in UTF-8.
        MissingPayload: it is JSON without a payload.
        UnknownField: it holds another field, one twice, or both ``payload`` and ``payloads``.
    """
    _check_utf8(body)
    if len(body) > LONG_BYTES and goes_on(body, most):
        raise batch_too_large(most)
    try:
        envelope = _decode_envelope(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _explain(error, body) from None
    single, many = envelope.payload, envelope.payloads
    if many is msgspec.UNSET:
        if single is msgspec.UNSET:
            raise MissingPayload(f"the body has no payload: {_ENVELOPE_HINT}")
        payload = bytes(single)
        if len(body) - len(payload) >= _LEAST_TWO_SINGLE:
            _check_one_key(body, "payload")
        return (payload,), False
    if single is not msgspec.UNSET:
        raise UnknownField(f"the body has payload and payloads: {_ENVELOPE_HINT}", field="payload")
    if not many:
        raise MissingPayload("payloads is empty: give at least one payload")
    if len(many) > most:
        raise batch_too_large(most)
    # No JSON text holds a raw NUL. Joining and splitting in C takes two thirds of the time of a
    # copy for each.
    joined = b"\0".join(many)
    if len(body) - len(joined) >= _LEAST_TWO_BATCHES and not _is_spaced_batch(body, many):
        _check_one_key(body, "payloads")
    return joined.split(b"\0"), True


# The decoder keeps the last of two equal keys, so messages would be lost without a word. A second
# key takes room: where the body is hardly longer than its payloads, it cannot be there. These are
# the fewest bytes beside the payload, or beside the payloads and the commas between them, of
# `{"payload":1,"payload":2}` and `{"payloads":[],"payloads":[2]}`.
_LEAST_TWO_SINGLE = 24
_LEAST_TWO_BATCHES = 29

_KEY = re.compile(rb'\s*\{\s*"[^"]*"\s*:\s*')
_KEY_AND_BRACKET = re.compile(_KEY.pattern + rb"\[")


def _is_spaced_batch(body: Buffer, payloads: Sequence[msgspec.Raw]) -> bool:
    """Tell whether a batch is written with one key and ``, ``, as most encoders do by default."""
    tail = b", ".join(payloads) + b"]}"
    start = len(body) - len(tail)
    return body.endswith(tail) and _KEY_AND_BRACKET.fullmatch(body, 0, start) is not None


def _check_one_key(body: Buffer, key: str) -> None:
    """Accept an envelope, which was decoded already, if it has one key.

    All between the first colon and the last brace is then a single value.

    Raises:
        UnknownField: it has the same key twice.
    """
    begin = _KEY.match(body)
    assert begin is not None, "what was decoded as an object begins with a key"
    try:
        _decode_line(memoryview(body)[begin.end() : body.rindex(b"}")])
    except msgspec.DecodeError:
        raise UnknownField(f"the body has {key} twice: {_ENVELOPE_HINT}", field=key) from None


def parse_ndjson(body: Buffer, most: int = defaults.MAX_BATCH) -> tuple[Sequence[bytes], bool]:
    """Return the payloads of a body with one JSON text a line; blank lines are ignored.

    Raises:
        BatchTooLarge: there are more than ``most``.
        InvalidJson: a line is no JSON text in UTF-8, or holds more or less than one.
        MissingPayload: there is no line.
    """
    _check_utf8(body)
    if len(body) > LONG_BYTES:
        payloads = parse_long_lines(body, most)
        if not payloads:
            raise MissingPayload(_NO_LINE)
        return payloads, True
    try:
        values = _decode_lines(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _explain(error, body) from None
    if not values:
        raise MissingPayload(_NO_LINE)
    if len(values) > most:
        raise batch_too_large(most)
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


def parse_policy(body: Buffer) -> Mapping[str, object]:
    """Return the fields of a policy that a request gives, by their names and not yet checked.

    Raises:
        InvalidJson: as :func:`parse_enqueue`.
        InvalidPolicy: it is JSON, but no object, or it is longer than any policy.
        UnknownField: it holds a field twice.
    """
    hint = 'send an object with fields of a policy, such as {"capacity": 1000}'
    if len(body) > _DOCUMENT_BYTES:
        raise InvalidPolicy(f"{hint}, of at most {_DOCUMENT_BYTES} bytes")
    _check_utf8(body)
    try:
        given = _decode_policy(body)
        # The decoder keeps the last of two equal keys; this one keeps both.
        keys = len(json.loads(body, object_pairs_hook=tuple))
    except (msgspec.DecodeError, RecursionError) as error:
        reason = _explain(error, body, hint)
        raise (InvalidPolicy(hint) if isinstance(reason, MissingPayload) else reason) from None
    if keys != len(given):
        raise UnknownField(f"the body has a field twice: {hint}")
    return given


def parse_flow_control(text: Buffer, max_credit: int) -> FlowControl:
    """Return what a WebSocket consumer says: ``{"credit": n}`` or ``{"put_back": k}``.

    The latter may have ``"stop": true``, and ``k`` may be 0 then.

    Raises:
        InvalidJson, UnknownField: as :func:`parse_enqueue`.
        InvalidCount: it gives neither or both, the credit is no whole number from 1 to
            ``max_credit``, or the number to put back is no whole number from 1.
    """
    hint = (
        f'send {{"credit": n}} with a whole number n from 1 to {max_credit}, '
        'or {"put_back": k} with a whole number k from 1'
    )
    if len(text) > _DOCUMENT_BYTES:
        raise InvalidCount(hint, minimum=1, maximum=max_credit)
    said = _parse_small(text, _decode_flow_control, InvalidCount, hint)
    if said.put_back or said.stop:
        valid = said.put_back >= 0 and not said.credit
    else:
        valid = 1 <= said.credit <= max_credit
    if not valid:
        raise InvalidCount(hint, minimum=1, maximum=max_credit)
    return said


def parse_query(query: str, known: Sequence[str]) -> Mapping[str, str]:
    """Return the parameters of a query string by name; ``known`` are those that mean something.

    A mistyped parameter that was ignored would change what a request does without a word.

    Raises:
        UnknownParameter: there is another one, or one of them is there twice.
    """
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True) if query else ():
        if name not in known:
            raise UnknownParameter(
                f"there is no such parameter here: {_listed(known)}", parameter=name[:_QUOTED]
            )
        if name in parameters:
            raise UnknownParameter(f"give {name} once", parameter=name)
        parameters[name] = value
    return parameters


def _listed(known: Sequence[str]) -> str:
    return f"give {' or '.join(known)}" if known else "this path takes none"


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


@lru_cache(1024)
def parse_ttl(text: str | None) -> int | None:
    """Return a ``ttl`` parameter, given in seconds, in microseconds; None if there is none.

    The same text gives the same object: messages with it share the number.

    Raises:
        InvalidTtl: it is no number above 0 and up to 31 days.
    """
    if text is None:
        return None
    if _SECONDS.fullmatch(text) is not None and 0 < (ttl := float(text)) <= MAX_SECONDS:
        return max(int(ttl * 1_000_000), 1)
    raise InvalidTtl(
        f"ttl must be a number of seconds above 0 and up to {MAX_SECONDS}",
        minimum=0,
        maximum=MAX_SECONDS,
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


# -- helpers -----------------------------------------------------------------------------------


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
    """Decode a flat document; ``refusal`` is raised where a field is missing or odd."""
    _check_utf8(body)
    try:
        document = decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        reason = _explain(error, body, hint)
        raise (refusal(hint) if isinstance(reason, MissingPayload) else reason) from None
    # Neither a field's name nor its value holds a colon, so that each belongs to a key.
    keys = body.count(b":")
    if keys > 1 and keys != len(_decode_fields(body)):
        raise UnknownField(f"the body has a field twice: {hint}")
    return document


#: Characters of a name that an error repeats: it may be as long as the request.
_QUOTED = 100

_OFFSET = re.compile(r"\(byte (\d+)\)")
_FIELD = re.compile(r"unknown field `(.*)`", re.DOTALL)


def _explain(error: Exception, body: Buffer, hint: str = _ENVELOPE_HINT) -> ZoldyQError:
    """Say in our own terms why the decoder refused a body."""
    text = str(error)
    if isinstance(error, msgspec.ValidationError):
        field = _FIELD.search(text)
        if field is not None:
            name = field[1][:_QUOTED]
            return UnknownField(f"the body has an unknown field: {hint}", field=name)
        return MissingPayload(f"the body has no payload: {hint}")
    if isinstance(error, RecursionError):
        return InvalidJson("the JSON is nested too deeply", offset=0)
    found = _OFFSET.search(text)
    offset = int(found.group(1)) if found is not None else len(body)
    if "trailing characters" in text:
        offset -= 1  # it points behind the first of them
    return InvalidJson("the body is not valid JSON", offset=offset)
