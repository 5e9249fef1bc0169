"""What the native server asks of its clients: to be brief, and not too many."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress

import pytest

from tests.contract.conftest import Start
from tests.contract.raw import Api, Response, Wire
from tests.helpers import wait_until
from zoldyq.contract.errors import ERRORS

#: Seconds of patience; a client that is busy elsewhere for so long would be cut off.
BRISK = 1.5


@pytest.fixture(scope="module", params=["native", "tls"])
def own_kind(request: pytest.FixtureRequest) -> str:
    """The native server, without TLS and with it."""
    return str(request.param)


@pytest.fixture(scope="module")
def hasty(start_server: Start, own_kind: str) -> Api:
    """A server with so little patience that on a busy machine even a quick client may be late."""
    server = start_server(
        own_kind, head_seconds=0.3, body_seconds=0.3, idle_seconds=0.3, drain_seconds=0
    )
    return Api(server.address)


@pytest.fixture(scope="module")
def brisk(start_server: Start, own_kind: str) -> Api:
    """A server that waits long enough for a client that is quick, but has to share the machine."""
    server = start_server(
        own_kind,
        head_seconds=BRISK,
        idle_seconds=BRISK,
        send_seconds=BRISK,
        max_header_bytes=2048,
        drain_seconds=0,
    )
    return Api(server.address)


def refused(wire: Wire) -> Response:
    """The last response on a connection."""
    response = wire.response()
    assert response.headers["connection"] == "close"
    assert wire.is_closed()
    assert ERRORS[response.code].closes
    return response


@pytest.mark.parametrize("begun", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_slow_head(hasty: Api, begun: bytes) -> None:
    with hasty.wire() as wire:
        wire.send(begun)
        response = refused(wire)
    assert (response.status, response.code) == (408, "request_timeout")
    assert "head" in response.json()["message"]


def test_a_head_that_comes_drop_by_drop_has_no_more_time_than_others(hasty: Api) -> None:
    """If each drop gave it more time, the head would go on until it is too large."""
    response = None
    with hasty.wire() as wire:
        wire.socket.settimeout(0.05)
        wire.send(b"GET / HTTP/1.1\r\n")
        while response is None:
            try:
                response = wire.response()
            except TimeoutError:
                wire.send(b"a: " + b"b" * 300 + b"\r\n")
    assert (response.status, response.code) == (408, "request_timeout")


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 9\r\n\r\n123", b"Transfer-Encoding: chunked\r\n\r\n9\r\n123"]
)
@pytest.mark.parametrize("target", [b"POST /queues/a/enqueue", b"PUT /queues/a"])
def test_a_slow_body(hasty: Api, target: bytes, framing: bytes) -> None:
    with hasty.wire() as wire:
        wire.send(b"%b HTTP/1.1\r\nHost: x\r\n%b" % (target, framing))
        response = refused(wire)
    assert (response.status, response.code) == (408, "request_timeout")
    assert "body" in response.json()["message"]
    assert hasty.get("/queues/a").status == 404


@pytest.mark.parametrize("requests", [0, 1])
def test_an_idle_connection_is_closed_without_a_word(brisk: Api, requests: int) -> None:
    with brisk.wire() as wire:
        for _ in range(requests):
            assert wire.request("GET", "/queues/a/dequeue").status == 204
        assert wire.is_closed()


def test_a_waiting_request_is_not_idle(brisk: Api, queue: str) -> None:
    with brisk.wire() as wire:
        target = f"/queues/{queue}/dequeue?timeout={BRISK + 0.5}"
        assert wire.request("GET", target).status == 204
        assert wire.request("GET", "/ready").status == 200


def test_a_request_behind_a_waiting_one_is_not_late(brisk: Api, queue: str) -> None:
    with brisk.wire() as wire:
        target = f"/queues/{queue}/dequeue?timeout={BRISK + 0.5}"
        wire.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\nGET /re".encode())
        assert wire.response().status == 204
        wire.send(b"ady HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.response().json() == {"ready": True}


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 3000,
        b"GET /" + b"b" * 3000,
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 3000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1000,
    ],
)
def test_a_large_head_is_refused(brisk: Api, head: bytes) -> None:
    with brisk.wire() as wire:
        wire.send(head)
        response = refused(wire)
    assert (response.status, response.code) == (431, "headers_too_large")
    assert response.json()["max_header_bytes"] == 2048


def test_a_head_of_many_small_headers_within_the_limit_is_taken(brisk: Api) -> None:
    with brisk.wire() as wire:
        wire.send(b"GET /ready HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 300 + b"\r\n")
        assert wire.response().status == 200


def test_a_client_that_reads_nothing_is_let_go_and_nothing_is_lost(brisk: Api, queue: str) -> None:
    payload = "x" * 6_000_000
    brisk.enqueue(queue, payload)
    brisk.enqueue(queue, "next")
    with brisk.wire() as wire:
        wire.send(f"GET /queues/{queue}/dequeue HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        wait_until(lambda: brisk.stats(queue)["put_back_total"] == 1)
        assert brisk.get(f"/queues/{queue}/dequeue").json()["payload"] == payload
        assert brisk.get(f"/queues/{queue}/dequeue").json()["payload"] == "next"


def test_a_slow_reader_that_goes_on_reading_is_served(brisk: Api, queue: str) -> None:
    brisk.enqueue(queue, "x" * 6_000_000)
    with brisk.wire() as wire:
        wire.send(f"GET /queues/{queue}/dequeue HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = 0
        began = time.monotonic()
        while received < 6_000_000:
            piece = wire.socket.recv(300_000)
            assert piece, "the server closed the connection"
            received += len(piece)
            if time.monotonic() - began < BRISK + 0.5:
                time.sleep(0.05)  # slower than the limit in all, never for one piece
    assert brisk.stats(queue)["put_back_total"] == 0


def test_too_many_connections_are_told_so(start_server: Start, own_kind: str) -> None:
    server = start_server(own_kind, max_connections=3)
    api = Api(server.address)
    with ExitStack() as stack:
        wires = [stack.enter_context(api.wire()) for _ in range(3)]
        for wire in wires:
            assert wire.request("GET", "/ready").status == 200
        with api.wire() as excess:
            response = refused(excess)
        assert (response.status, response.code) == (503, "too_many_connections")
        assert response.headers["retry-after"] == "1"
        for wire in wires:
            assert wire.request("GET", "/ready").status == 200
    wait_until(lambda: _is_let_in(api))


def _is_let_in(api: Api) -> bool:
    with api.wire() as wire:
        wire.send(b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return wire.response().status == 200


def test_a_flood_of_connections_ends_with_the_server_alive(
    start_server: Start, own_kind: str
) -> None:
    server = start_server(own_kind, max_connections=10)
    api = Api(server.address)
    with ExitStack() as stack:
        for _ in range(400):
            with suppress(OSError):  # over TLS a connection too many is cut in its handshake
                stack.enter_context(api.wire())
    wait_until(lambda: _is_alive(api))


def _is_alive(api: Api) -> bool:
    try:
        return _is_let_in(api)
    except (AssertionError, OSError):
        return False
