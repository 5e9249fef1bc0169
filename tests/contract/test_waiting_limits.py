"""Many who wait: they hold threads under foreign servers, and nothing but sockets in our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.contract.conftest import Start
from tests.contract.raw import Api
from tests.helpers import run_all, wait_until

FOREIGN = ("waitress", "gunicorn")


@pytest.fixture(scope="module", params=FOREIGN)
def narrow(request: pytest.FixtureRequest, start_server: Start) -> Api:
    """A server under which two requests may wait."""
    server = start_server(request.param, threads=4, max_waiting=2, drain_seconds=0)
    return Api(server.address)


@pytest.fixture(autouse=True)
def _everybody_leaves(request: pytest.FixtureRequest, queue: str) -> Iterator[None]:
    """Begin with all places free: who has gone is noticed within half a second."""
    yield
    if "narrow" in request.fixturenames:
        narrow = request.getfixturevalue("narrow")

        def wait_shortly() -> int:
            return int(narrow.get(f"/queues/{queue}-none/dequeue?timeout=0.1").status)

        wait_until(lambda: run_all([wait_shortly, wait_shortly]) == [204, 204])


def park(stack: ExitStack, api: Api, queue: str, number: int) -> None:
    for _ in range(number):
        wire = stack.enter_context(api.wire())
        wire.send(f"GET /queues/{queue}/dequeue?timeout=60 HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def test_more_than_may_wait_are_refused_at_once(narrow: Api, queue: str) -> None:
    narrow.put(f"/queues/{queue}", {"capacity": 1})
    narrow.put(f"/queues/{queue}-full", {"capacity": 1})
    narrow.enqueue(f"{queue}-full", 1)
    with ExitStack() as stack:
        park(stack, narrow, queue, 2)
        wait_until(lambda: narrow.stats(queue)["waiting_consumers"] == 2)
        for response in (  # if they waited, the test would not
            narrow.get(f"/queues/{queue}/dequeue?timeout=600"),
            narrow.post(f"/queues/{queue}-full/enqueue?timeout=600", {"payload": 2}),
        ):
            assert (response.status, response.code) == (503, "too_many_waiting")
            assert response.headers["retry-after"] == "1"
            assert response.json()["max_waiting"] == 2
        stats = narrow.stats(queue)
        assert (stats["waiting_consumers"], stats["waiting_producers"]) == (2, 0)


def test_those_who_need_not_wait_are_served_meanwhile(narrow: Api, queue: str) -> None:
    narrow.put(f"/queues/{queue}", {"capacity": 10})
    with ExitStack() as stack:
        park(stack, narrow, queue, 2)
        wait_until(lambda: narrow.stats(queue)["waiting_consumers"] == 2)
        other = f"{queue}-other"
        narrow.enqueue(other, 1)
        assert narrow.get(f"/queues/{other}/dequeue?timeout=60").json()["payload"] == 1
        assert narrow.get(f"/queues/{other}/dequeue").status == 204
        narrow.enqueue(queue, 1, 2)
        wait_until(lambda: narrow.stats(queue)["waiting_consumers"] == 0)


def test_whoever_has_gone_gives_the_place_free(narrow: Api, queue: str) -> None:
    narrow.put(f"/queues/{queue}", {"capacity": 10})
    for _ in range(3):
        with ExitStack() as stack:
            park(stack, narrow, queue, 2)
            wait_until(lambda: narrow.stats(queue)["waiting_consumers"] == 2)
        wait_until(lambda: narrow.stats(queue)["waiting_consumers"] == 0)
    wait_until(lambda: narrow.get(f"/queues/{queue}/dequeue?timeout=0.05").status == 204)


def test_parked_consumers_hold_up_no_other_request(native: Api, queue: str) -> None:
    native.put(f"/queues/{queue}", {"capacity": 10})
    with ExitStack() as stack:
        park(stack, native, queue, 200)
        wait_until(lambda: native.stats(queue)["waiting_consumers"] == 200)
        for other in range(20):
            native.enqueue(f"{queue}-other", other)
            assert native.get("/ready").status == 200
        assert native.stats(queue)["waiting_consumers"] == 200  # nothing waited for them to end
    native.drain(f"{queue}-other")


def test_each_of_many_parked_consumers_gets_one_message(native: Api, queue: str) -> None:
    native.put(f"/queues/{queue}", {"capacity": 1000})
    with ExitStack() as stack:
        wires = [stack.enter_context(native.wire()) for _ in range(200)]
        for wire in wires:
            wire.send(
                f"GET /queues/{queue}/dequeue?timeout=60 HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            )
        wait_until(lambda: native.stats(queue)["waiting_consumers"] == 200)
        native.enqueue(queue, *range(200))
        payloads = [wire.response().json()["payload"] for wire in wires]
    assert sorted(payloads) == list(range(200))
