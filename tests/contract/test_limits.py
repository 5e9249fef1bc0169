"""Each limit answers at once with its error, and changes nothing."""

from __future__ import annotations

import pytest

from tests.contract.conftest import Start
from tests.contract.raw import Api
from tests.contract.servers import ENGINES

BODY = 2048


@pytest.fixture(scope="module")
def small(kind: str, start_server: Start) -> Api:
    """A server that holds little."""
    server = start_server(
        kind,
        max_bytes=4096,
        max_body_bytes=BODY,
        max_queues=3,
        max_count=5,
        max_batch=9,
        max_timeout=2,
        drain_seconds=0,
    )
    return Api(server.address)


@pytest.fixture
def emptied(small: Api) -> Api:
    for name in small.get("/queues").json()["queues"]:
        small.delete(f"/queues/{name}")
    return small


@pytest.fixture
def bounded(kind: str, emptied: Api) -> Api:
    """A server with a bound on bytes: with a backend it is that of Redis."""
    if kind in ENGINES:
        pytest.skip("max_bytes does not apply to queues in Redis")
    return emptied


def fill(api: Api, queue: str) -> int:
    """Enqueue until the bound on bytes is reached; return how many messages that took."""
    for count in range(100):
        response = api.post(f"/queues/{queue}/enqueue", {"payload": "x" * 500})
        if response.status != 200:
            assert (response.status, response.code) == (429, "memory_limit")
            assert response.headers["retry-after"] == "1"
            assert response.json()["max_bytes"] == 4096
            return count
    raise AssertionError("there was no bound")


def test_the_bound_on_bytes(bounded: Api, queue: str) -> None:
    count = fill(bounded, queue)
    assert 2 < count < 8
    assert bounded.stats(queue)["size"] == count
    assert bounded.get(f"/queues/{queue}/dequeue").status == 200
    assert bounded.post(f"/queues/{queue}/enqueue", {"payload": "x" * 500}).status == 200


def test_a_batch_beyond_the_bound_on_bytes_is_refused_whole(bounded: Api, queue: str) -> None:
    fill(bounded, queue)
    size = bounded.stats(queue)["size"]
    response = bounded.post(f"/queues/{queue}/enqueue", {"payloads": ["x" * 400] * 4})
    assert (response.status, response.code) == (429, "memory_limit")
    assert bounded.stats(queue)["size"] == size


def test_ready_at_the_bound_on_bytes(bounded: Api, queue: str) -> None:
    fill(bounded, queue)
    while bounded.post(f"/queues/{queue}/enqueue", {"payload": 0}).status == 200:
        pass
    response = bounded.get("/ready")
    assert response.status == 503
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {"ready": False, "reason": "memory_limit"}
    assert bounded.get("/health").json()["status"] == "healthy"
    bounded.post(f"/queues/{queue}/purge")
    assert bounded.get("/ready").json() == {"ready": True}


def test_too_many_queues(emptied: Api) -> None:
    for name in "abc":
        emptied.enqueue(name, 1)
    for response in (
        emptied.post("/queues/d/enqueue", {"payload": 1}),
        emptied.put("/queues/d", {"capacity": 1}),
    ):
        assert (response.status, response.code) == (507, "max_queues_reached")
        assert response.headers["retry-after"] == "1"
    assert emptied.get("/queues/d/dequeue").status == 204
    emptied.enqueue("a", 2)
    emptied.delete("/queues/b")
    emptied.enqueue("d", 1)


@pytest.mark.parametrize("target", ["/queues/a/enqueue", "/queues/a"])
@pytest.mark.parametrize("size", [BODY + 1, 100_000, 10_000_000])
def test_a_body_that_is_too_large(emptied: Api, target: str, size: int) -> None:
    method = "POST" if target.endswith("enqueue") else "PUT"
    with emptied.wire() as wire:
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n"
        wire.send(head.encode() + b" " * (BODY + 1))
        if size <= 100_000:
            wire.send(b" " * (size - BODY - 1))
        response = wire.response()
    assert (response.status, response.code) == (413, "body_too_large")
    assert response.json()["max_body_bytes"] == BODY
    assert emptied.get("/queues/a").status == 404


def test_a_body_as_large_as_may_be(emptied: Api) -> None:
    body = b'{"payload":"%b"}' % (b"x" * (BODY - 14))
    assert len(body) == BODY
    assert emptied.post("/queues/a/enqueue", body).status == 200
    assert emptied.post("/queues/b/enqueue", body + b" ").status == 413


def test_a_chunked_body_that_is_too_large(emptied: Api) -> None:
    with emptied.wire() as wire:
        wire.send(
            b"POST /queues/a/enqueue HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"800\r\n%b\r\n800\r\n%b\r\n0\r\n\r\n" % (b" " * BODY, b" " * BODY)
        )
        assert wire.response().status == 413
    assert emptied.get("/queues/a").status == 404


def test_the_limits_of_a_request_are_those_of_the_settings(emptied: Api) -> None:
    timeout = emptied.get("/queues/a/dequeue?timeout=2.1").json()
    assert (timeout["error"], timeout["maximum"]) == ("invalid_timeout", 2)
    count = emptied.get("/queues/a/dequeue?count=6").json()
    assert (count["error"], count["maximum"]) == ("invalid_count", 5)


def test_a_batch_beyond_the_limit_is_refused_whole(emptied: Api) -> None:
    target = "/queues/a/enqueue"
    for response in (
        emptied.post(target, {"payloads": [0] * 10}),
        emptied.post(target, b"0\n" * 10, content_type="application/x-ndjson"),
    ):
        assert (response.status, response.code) == (413, "batch_too_large")
        assert response.json()["max_batch"] == 9
    assert emptied.get("/queues/a").status == 404
    assert b'zoldyq_refused_total{reason="batch_too_large"}' in emptied.get("/metrics").body
    assert emptied.post(target, {"payloads": [0] * 9}).json()["queue_size"] == 9
    assert emptied.post(target, {"payload": [0] * 100}).json()["queue_size"] == 10


def test_a_reply_is_no_larger_than_a_body_may_be(emptied: Api) -> None:
    for _ in range(4):
        emptied.enqueue("a", "x" * 700)
    document = emptied.get("/queues/a/dequeue?count=4").json()
    assert document["count"] == 2
    assert document["queue_size"] == 2
