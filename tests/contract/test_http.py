"""HTTP itself: connections, versions, framing."""

from __future__ import annotations

import pytest

from tests.contract.raw import Api, request_bytes


def test_a_connection_is_kept(api: Api, queue: str) -> None:
    with api.wire() as wire:
        for number in range(3):
            body = b'{"payload":%d}' % number
            assert wire.request("POST", f"/queues/{queue}/enqueue", body).status == 200
        for number in range(3):
            response = wire.request("GET", f"/queues/{queue}/dequeue")
            assert response.json()["payload"] == number
        assert wire.request("GET", "/health").status == 200
        assert wire.request("GET", "/nothing").status == 404
        assert wire.request("POST", f"/queues/{queue}/enqueue", b"{").status == 400
        assert wire.request("GET", "/ready").status == 200


def test_a_connection_is_kept_when_nothing_came(native: Api, queue: str) -> None:
    with native.wire() as wire:
        assert wire.request("GET", f"/queues/{queue}/dequeue").status == 204
        assert wire.request("GET", f"/queues/{queue}/dequeue").status == 204
        assert wire.request("OPTIONS", f"/queues/{queue}/dequeue").status == 204
        assert wire.request("GET", "/ready").status == 200


@pytest.mark.parametrize("target", ["/ready", "/queues/a/dequeue", "/nothing"])
def test_a_connection_is_closed_on_request(api: Api, target: str) -> None:
    with api.wire() as wire:
        response = wire.request("GET", target, connection="close")
        assert response.headers["connection"].lower() == "close"
        assert wire.is_closed()


@pytest.mark.parametrize("target", ["/ready", "/queues/a/dequeue"])
def test_http_10_closes_unless_asked_not_to(api: Api, target: str) -> None:
    with api.wire() as wire:
        wire.send(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        assert wire.response().status in (200, 204)
        assert wire.is_closed()


@pytest.mark.parametrize("target", ["/ready", "/queues/a/dequeue"])
def test_http_10_keeps_alive_if_asked_to(native: Api, target: str) -> None:
    with native.wire() as wire:
        for _ in range(2):
            wire.send(f"GET {target} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".encode())
            response = wire.response()
            assert response.status in (200, 204)
            assert response.headers["connection"] == "keep-alive"


def test_expect_100_continue(api: Api, queue: str) -> None:
    body = b'{"payload":1}'
    with api.wire() as wire:
        wire.send(
            f"POST /queues/{queue}/enqueue HTTP/1.1\r\nHost: x\r\n"
            f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert wire.response().status == 100
        wire.send(body)
        assert wire.response().json()["queued"] is True


@pytest.mark.parametrize("target", ["/queues/{}/dequeue", "/ready"])
def test_a_get_may_have_a_body(api: Api, queue: str, target: str) -> None:
    api.enqueue(queue, 1)
    with api.wire() as wire:
        assert wire.request("GET", target.format(queue), b"nobody reads this").status == 200
        assert wire.request("GET", "/ready").status == 200


@pytest.mark.parametrize("pieces", [1, 3, 1000])
@pytest.mark.parametrize("path", ["enqueue", ""])
def test_a_body_in_chunks(api: Api, queue: str, path: str, pieces: int) -> None:
    body = b'{"capacity":5}' if not path else b'{"payload":"%b"}' % (b"x" * 3000)
    size = max(len(body) // pieces, 1)
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    method, target = ("POST", f"/queues/{queue}/enqueue") if path else ("PUT", f"/queues/{queue}")
    with api.wire() as wire:
        wire.send(
            f"{method} {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        wire.send(b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks))
        wire.send(b"0\r\n\r\n")
        assert wire.response().status in (200, 201)
        assert wire.request("GET", "/ready").status == 200


class TestPipelining:
    def test_answers_come_in_order(self, native: Api, queue: str) -> None:
        with native.wire() as wire:
            wire.send(
                b"".join(
                    request_bytes("POST", f"/queues/{queue}/enqueue", b'{"payload":%d}' % number)
                    for number in range(200)
                )
            )
            sizes = [wire.response().json()["queue_size"] for _ in range(200)]
            assert sizes == list(range(1, 201))
            wire.send(request_bytes("GET", f"/queues/{queue}/dequeue") * 200)
            assert [wire.response().json()["payload"] for _ in range(200)] == list(range(200))

    def test_kinds_of_requests_may_be_mixed(self, native: Api, queue: str) -> None:
        with native.wire() as wire:
            wire.send(
                request_bytes("POST", f"/queues/{queue}/enqueue", b'{"payload":1}')
                + request_bytes("GET", f"/queues/{queue}")
                + request_bytes("GET", f"/queues/{queue}/dequeue")
                + request_bytes("HEAD", "/health")
                + request_bytes("GET", f"/queues/{queue}/dequeue?timeout=0.05")
                + request_bytes("GET", "/ready")
            )
            assert wire.response().json()["queued"] is True
            assert wire.response().json()["size"] == 1
            assert wire.response().json()["payload"] == 1
            assert wire.response(head=True).status == 200
            assert wire.response().status == 204
            assert wire.response().json() == {"ready": True}

    def test_nothing_is_read_past_a_close(self, native: Api, queue: str) -> None:
        with native.wire() as wire:
            wire.send(
                request_bytes("GET", "/ready", connection="close")
                + request_bytes("POST", f"/queues/{queue}/enqueue", b'{"payload":1}')
            )
            assert wire.response().status == 200
            assert wire.is_closed()
        assert native.get(f"/queues/{queue}").status == 404


def test_an_upgrade_that_is_not_known_is_ignored(native: Api, queue: str) -> None:
    h2c = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2_settings": "AAMA"}
    with native.wire() as wire:
        path = f"/queues/{queue}/enqueue"
        assert wire.request("POST", path, b'{"payload":1}', **h2c).status == 200
        path = f"/queues/{queue}/dequeue"
        assert wire.request("GET", path, None, **h2c).json()["payload"] == 1
        assert wire.request("GET", "/ready", None, **h2c).status == 200


def test_a_target_in_absolute_form(native: Api) -> None:
    assert native.get("http://zoldyq:9000/ready").json() == {"ready": True}


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/3.0\r\nHost: x\r\n\r\n",
        b"GET /\r\n\r\n",
        request_bytes("POST", "/queues/a/enqueue", b"0\r\n\r\n", transfer_encoding="chunked"),
        b"GET /a\x00b HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_ends_the_connection(native: Api, garbage: bytes) -> None:
    with native.wire() as wire:
        wire.send(garbage)
        response = wire.response()
        assert (response.status, response.code) == (400, "malformed_request")
        assert response.headers["connection"] == "close"
        assert wire.is_closed()
    assert native.get("/ready").status == 200


def test_an_expectation_that_cannot_be_met_is_refused(native: Api, queue: str) -> None:
    response = native.post(f"/queues/{queue}/enqueue", b'{"payload":1}', expect="the unexpected")
    assert (response.status, response.code) == (417, "unsupported_expectation")
    assert native.get(f"/queues/{queue}").status == 404
