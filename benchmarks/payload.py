"""The messages: the same for every contender."""

from __future__ import annotations

from functools import cache

#: 57 bytes of JSON without blanks or slashes, so that it also fits into a path for Webdis.
PAYLOAD = b'{"id":1234567,"to":"ann@example.com","subject":"welcome"}'


@cache
def payload_of(size: int) -> bytes:
    """Return a payload of so many bytes, a JSON text."""
    if size == len(PAYLOAD):
        return PAYLOAD
    return b'"' + b"x" * (size - 2) + b'"'


def single(payload: bytes = PAYLOAD) -> bytes:
    """Return the body of a request that enqueues one message."""
    return b'{"payload":' + payload + b"}"


@cache
def batch(count: int, payload: bytes = PAYLOAD) -> bytes:
    """Return the JSON body of a request that enqueues so many messages."""
    return b'{"payloads":[' + b",".join([payload] * count) + b"]}"


@cache
def lines(count: int, payload: bytes = PAYLOAD) -> bytes:
    """Return the same as lines of JSON."""
    return b"\n".join([payload] * count)
