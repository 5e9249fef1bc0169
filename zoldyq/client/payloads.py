"""From values to JSON texts, from JSON texts to the bodies of requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from zoldyq.client.errors import InvalidPayload
from zoldyq.contract.errors import InvalidJson

_encode = msgspec.json.Encoder().encode
_check = msgspec.json.Decoder(msgspec.Raw).decode


def encode(value: Any) -> bytes:
    """Return the JSON text of a value.

    Raises:
        InvalidPayload: JSON cannot express it.
    """
    try:
        return _encode(value)
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise InvalidPayload(f"JSON cannot express this value: {error}") from error


def checked(text: bytes | str) -> bytes:
    """Return a JSON text as bytes, unchanged.

    Raises:
        InvalidJson: it is not exactly one JSON text in UTF-8. In a batch it would spoil the others.
    """
    try:
        raw = text.encode() if isinstance(text, str) else bytes(text)
        _check(raw)
        if not raw.isascii():
            raw.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise InvalidJson(f"this is not a JSON text: {error}") from error
    return raw


def single_body(payload: bytes) -> bytes:
    """Return the request body that enqueues one payload."""
    return b'{"payload":%b}' % payload


def batch_body(payloads: Sequence[bytes]) -> bytes:
    """Return the request body that enqueues several payloads, all or none."""
    return b'{"payloads":[%b]}' % b",".join(payloads)


def batches(
    payloads: Iterable[bytes], max_messages: int, max_bytes: int
) -> Iterator[Sequence[bytes]]:
    """Split payloads into batches of at most so many messages and bytes.

    A payload that is larger than ``max_bytes`` makes a batch of its own.
    """
    batch: list[bytes] = []
    size = 0
    for payload in payloads:
        if batch and (len(batch) >= max_messages or size + len(payload) > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(payload)
        size += len(payload)
    if batch:
        yield batch
