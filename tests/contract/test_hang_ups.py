"""Clients that leave while they wait, and what becomes of the messages that they were to have."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.contract.raw import Api, Wire, request_bytes
from tests.helpers import wait_until

LEAVE: dict[str, Callable[[Wire], None]] = {
    "close": lambda wire: wire.socket.close(),
    "reset": Wire.reset,
}


@pytest.fixture
def used(api: Api, queue: str) -> str:
    """A queue that exists and is empty."""
    api.put(f"/queues/{queue}", {"capacity": 1000})
    return queue


def park(api: Api, queue: str, query: str = "timeout=60", root: str = "/") -> Wire:
    """Return the connection of a consumer that waits; ``root`` is where its paths begin."""
    waiting = api.stats(queue)["waiting_consumers"]
    wire = api.wire()
    target = f"{root}queues/{queue}/dequeue?{query}"
    wire.send(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    wait_until(lambda: api.stats(queue)["waiting_consumers"] == waiting + 1)
    return wire


@pytest.mark.parametrize("leave", LEAVE)
def test_a_consumer_that_has_gone_swallows_nothing(api: Api, used: str, leave: str) -> None:
    with park(api, used) as wire:
        LEAVE[leave](wire)
    wait_until(lambda: api.stats(used)["waiting_consumers"] == 0)
    api.enqueue(used, 1, 2)
    assert api.drain(used) == [1, 2]


@pytest.mark.parametrize("root", ["//", "/%2F", "///"])
@pytest.mark.parametrize("leave", LEAVE)
def test_a_consumer_whose_base_url_ends_in_a_slash_swallows_nothing(
    api: Api, used: str, root: str, leave: str
) -> None:
    with park(api, used, root=root) as wire:
        LEAVE[leave](wire)
    wait_until(lambda: api.stats(used)["waiting_consumers"] == 0)
    api.enqueue(used, 1, 2)
    assert api.drain(used) == [1, 2]


def test_more_consumers_than_workers_may_wait_whatever_their_paths_look_like(
    native: Api, queue: str
) -> None:
    native.put(f"/queues/{queue}", {"capacity": 1000})
    with ExitStack() as stack:
        wires = [stack.enter_context(park(native, queue, root="//")) for _ in range(40)]
        native.enqueue(queue, *range(40))
        assert [wire.response().json()["payload"] for wire in wires] == list(range(40))


def test_a_half_close_counts_as_gone(api: Api, used: str) -> None:
    with park(api, used) as wire:
        wire.half_close()
        wait_until(lambda: api.stats(used)["waiting_consumers"] == 0)
        api.enqueue(used, 1)
        assert api.drain(used) == [1]


def test_the_next_in_line_gets_the_message(api: Api, used: str) -> None:
    with park(api, used) as gone, park(api, used) as alive:
        gone.socket.close()
        wait_until(lambda: api.stats(used)["waiting_consumers"] == 1)
        api.enqueue(used, 1)
        assert alive.response().json()["payload"] == 1


@pytest.mark.parametrize("leave", LEAVE)
def test_the_message_right_after_a_hang_up_is_not_lost(native: Api, queue: str, leave: str) -> None:
    native.put(f"/queues/{queue}", {"capacity": 10})
    for number in range(50):
        with park(native, queue) as wire:
            LEAVE[leave](wire)
        native.enqueue(queue, number)
        assert native.drain(queue) == [number]


def test_what_comes_behind_a_waiting_request_does_not_hide_a_hang_up(
    native: Api, queue: str
) -> None:
    native.put(f"/queues/{queue}", {"capacity": 10})
    with park(native, queue) as wire:
        wire.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        wire.half_close()
        wait_until(lambda: native.stats(queue)["waiting_consumers"] == 0)
        native.enqueue(queue, 1)
        assert native.drain(queue) == [1]


@pytest.mark.parametrize("target", ["/ready", "/queues/{}/dequeue"])
def test_a_request_that_needs_no_waiting_is_answered_after_a_half_close(
    native: Api, queue: str, target: str
) -> None:
    native.enqueue(queue, 1)
    with native.wire() as wire:
        wire.send(request_bytes("GET", target.format(queue)))
        wire.half_close()
        assert wire.response().status == 200


def test_a_message_is_not_lost_when_a_server_takes_a_half_close_for_a_hang_up(
    api: Api, queue: str
) -> None:
    for number in range(20):
        api.enqueue(queue, number)
        with api.wire() as wire:
            wire.send(request_bytes("GET", f"/queues/{queue}/dequeue"))
            wire.half_close()
            got = [number] if b'"payload":%d,' % number in wire.rest() else []
        if not got:
            wait_until(lambda: api.stats(queue)["size"] == 1)
        assert got + api.drain(queue) == [number]


@pytest.mark.parametrize("leave", LEAVE)
def test_a_body_that_was_not_taken_whole_goes_back(api: Api, used: str, leave: str) -> None:
    # Far more than the kernel and the server buffer for one connection.
    sizes = [len(chunk := "x" * 1_000_000)] * 40
    for _ in range(8):
        api.enqueue(used, *[chunk] * 5)
    with api.wire() as wire:
        for _ in range(5):
            wire.send(f"GET /queues/{used}/dequeue?count=8 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        wait_until(lambda: api.stats(used)["dequeued_total"] > 0)
        wire.socket.recv(1000)
        LEAVE[leave](wire)
    wait_until(lambda: api.stats(used)["put_back_total"] > 0)
    wait_until(lambda: api.stats(used)["size"] > 0)
    stats = api.stats(used)
    assert stats["enqueued_total"] + stats["put_back_total"] == (
        stats["dequeued_total"] + stats["size"]
    )
    left = [len(payload) for payload in api.drain(used)]
    # What the kernel took whole before the client left is the only loss.
    assert len(left) >= len(sizes) - 8
    assert set(left) == {1_000_000}
