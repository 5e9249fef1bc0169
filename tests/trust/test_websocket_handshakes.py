"""Handshakes that mean harm, against the native server: what they smuggle in is not carried out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.raw import Api, Wire, request_bytes
from tests.trust.audit import settle
from tests.trust.conftest import Serve
from tests.trust.parties import handshake
from tests.websocket.frames import CLOSE, client_frame, split_frames

ENQUEUE, DEQUEUE = "/queues/q/enqueue", "/queues/q/dequeue"
TAKE = request_bytes("GET", DEQUEUE)
KEY = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


def changed(old: bytes, new: bytes, target: str = DEQUEUE) -> bytes:
    """A handshake in which something is another."""
    request = handshake(target)
    assert old in request
    return request.replace(old, new)


@pytest.fixture
def api(serve: Serve) -> Iterator[Api]:
    """A server with a message, which nobody takes before the end."""
    api = Api(serve(max_websockets=1, head_seconds=1).address)
    api.enqueue("q", "precious")
    yield api
    settle(api)
    with api.wire() as wire:  # the one session that there may be is free
        wire.send(handshake(DEQUEUE))
        assert wire.response().status == 101
        wire.half_close()
        wire.rest()
    assert api.stats("q")["enqueued_total"] == 1


REFUSED = {
    "of another version": changed(b"version: 13", b"version: 8"),
    "without a version": changed(b"sec-websocket-version: 13\r\n", b""),
    "without a key": changed(KEY, b""),
    "with two keys": changed(KEY, KEY * 2),
    "with a short key": changed(b"dGhlIHNhbXBsZSBub25jZQ==", b"c2hvcnQ="),
    "without Connection": changed(b"connection: Upgrade\r\n", b""),
    "that closes": changed(b"connection: Upgrade", b"connection: close"),
    "with a huge header": changed(KEY, KEY + b"x: " + b"x" * 20_000 + b"\r\n"),
    "of a web page": changed(KEY, KEY + b"origin: https://elsewhere.example\r\n"),
    "to no queue": handshake("/queues/-q/dequeue"),
    "for no number": handshake(f"{DEQUEUE}?credit=many"),
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
def test_behind_one_that_is_refused_nothing_is_carried_out(api: Api, request_: bytes) -> None:
    """Its sender may have been told to go through by a proxy, which takes the rest for frames."""
    with api.wire() as wire:
        wire.send(request_ + TAKE)
        response = wire.response()
        assert 400 <= response.status < 500
        assert response.code
        assert wire.rest() == b""
    assert api.stats("q")["size"] == 1


def test_of_http_1_0_it_is_a_plain_request_and_the_last(api: Api) -> None:
    """HTTP/1.0 knows no upgrade (RFC 9110, section 7.8), so the header means nothing there."""
    with api.wire() as wire:
        wire.send(changed(b"HTTP/1.1", b"HTTP/1.0") + TAKE)
        assert wire.response().json()["payload"] == "precious"
        assert wire.rest() == b""


@pytest.mark.parametrize(
    "framing",
    [b"content-length: %d\r\n" % len(TAKE), b"transfer-encoding: chunked\r\n"],
)
def test_a_body_is_neither_a_request_nor_a_message(api: Api, framing: bytes) -> None:
    with api.wire() as wire:
        wire.send(changed(KEY, KEY + framing, ENQUEUE) + TAKE)
        wire.half_close()
        answer = wire.rest()
    assert b"precious" not in answer
    assert api.stats("q")["size"] == 1


def test_requests_behind_one_that_is_accepted_are_bad_frames(api: Api) -> None:
    with api.wire() as wire:
        wire.send(handshake(ENQUEUE) + TAKE)
        assert wire.response().status == 101
        assert codes(wire) == [1002]
    assert api.stats("q")["size"] == 1


def codes(wire: Wire) -> list[int]:
    """The codes of the close frames up to the end."""
    return [frame.close_code for frame in split_frames(wire.rest()) if frame.first == CLOSE]


def test_one_that_comes_byte_by_byte_is_served(api: Api) -> None:
    with api.wire() as wire:
        for byte in handshake(ENQUEUE) + client_frame(b"nonsense"):
            wire.send(bytes((byte,)))
        assert wire.response().status == 101
        wire.half_close()
        ((_, answer),) = split_frames(wire.rest())
        assert b"invalid_json" in answer


@pytest.mark.parametrize("size", [1, 100])
def test_one_that_never_ends_is_given_up(api: Api, size: int) -> None:
    with api.wire() as wire:
        wire.send(handshake(DEQUEUE)[:size])
        assert wire.response().status == 408


def test_many_that_leave_at_once_leave_nothing_behind(api: Api) -> None:
    for size in range(1, len(handshake(ENQUEUE)) + 1):
        with api.wire() as wire:
            wire.send(handshake(ENQUEUE)[:size])
            wire.reset()
