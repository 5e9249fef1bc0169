"""What happens to messages, waiters and connections when a server is told to stop."""

from __future__ import annotations

import re
import signal
import socket

import pytest

from tests.contract.conftest import Start
from tests.contract.raw import Api
from tests.helpers import Task, wait_until

OURS = ("native", "tls", "waitress")
#: Seconds that no test waits: what ends all the same has not waited for what it must not wait for.
AGES = 600


@pytest.fixture(params=OURS)
def own_kind(request: pytest.FixtureRequest) -> str:
    """Each way to serve whose process is our own."""
    return str(request.param)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once(own_kind: str, run_server: Start, number: int) -> None:
    server = run_server(own_kind, drain_seconds=AGES, idle_seconds=AGES)
    api = Api(server.address)
    api.enqueue("a", 1)
    api.drain("a")
    with api.wire():  # an idle connection holds nothing up
        server.signal(number)
        assert server.exit_code() == 0
    assert "dropped" not in server.log.read_text()


def test_a_long_poll_ends_with_204_at_once(own_kind: str, run_server: Start) -> None:
    server = run_server(own_kind, drain_seconds=AGES)
    api = Api(server.address)
    api.put("/queues/a", {"capacity": 5})
    waiting = Task(lambda: api.get(f"/queues/a/dequeue?timeout={AGES}"))
    wait_until(lambda: api.stats("a")["waiting_consumers"] == 1)
    server.signal()
    assert waiting.result().status == 204
    assert server.exit_code() == 0


def test_consumers_drain_while_producers_are_refused(own_kind: str, run_server: Start) -> None:
    server = run_server(own_kind, drain_seconds=30)
    api = Api(server.address)
    api.put("/queues/a", {"capacity": 5})
    api.enqueue("a", *range(5))
    with api.wire() as wire, api.wire() as producer:
        # Connections that were there before stay usable, new ones are refused.
        assert wire.request("GET", "/ready").status == 200
        blocked = b'{"payload":6}'
        producer.send(
            b"POST /queues/a/enqueue?timeout=50 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
            % (len(blocked), blocked)
        )
        wait_until(lambda: api.stats("a")["waiting_producers"] == 1)
        server.signal()
        ended = producer.response()
        assert (ended.status, ended.code) == (503, "shutting_down")
        refused = wire.request("POST", "/queues/a/enqueue", b'{"payload":7}')
        assert (refused.status, refused.code) == (503, "shutting_down")
        assert refused.headers["retry-after"] == "1"
        assert wire.request("GET", "/health").json()["status"] == "draining"
        not_ready = wire.request("GET", "/ready")
        assert (not_ready.status, not_ready.json()["reason"]) == (503, "shutting_down")
        for number in range(5):
            response = wire.request("GET", "/queues/a/dequeue?timeout=50")
            assert response.json()["payload"] == number
        assert server.exit_code() == 0
    assert "dropped" not in server.log.read_text()


def test_new_connections_are_refused_while_draining(own_kind: str, run_server: Start) -> None:
    server = run_server(own_kind, drain_seconds=30)
    api = Api(server.address)
    api.enqueue("a", 1)
    with api.wire() as wire:
        assert wire.request("GET", "/ready").status == 200
        server.signal()
        wait_until(lambda: wire.request("GET", "/health").json()["status"] == "draining")
        with pytest.raises(OSError, match=r"refused|reset"), api.wire() as late:
            late.request("GET", "/ready")
        assert wire.request("GET", "/queues/a/dequeue").json()["payload"] == 1
    assert server.exit_code() == 0


def test_what_nobody_fetched_is_dropped_and_logged(own_kind: str, run_server: Start) -> None:
    server = run_server(own_kind, drain_seconds=0.2)
    api = Api(server.address)
    api.enqueue("a", 1, 2, 3)
    api.enqueue("b", 4)
    api.put("/queues/c", {"capacity": 1})
    assert server.stop() == 0
    log = server.log.read_text()
    assert "dropped 3 messages of queue a" in log
    assert re.search(r"dropped 1 messages? of queue b", log)
    assert "queue c" not in log


def test_a_second_signal_ends_it_at_once(own_kind: str, run_server: Start) -> None:
    server = run_server(own_kind, drain_seconds=600)
    api = Api(server.address)
    api.enqueue("a", 1)
    with api.wire() as wire:
        assert wire.request("GET", "/ready").status == 200
        server.signal()
        wait_until(lambda: wire.request("GET", "/health").json()["status"] == "draining")
        server.signal()
        assert server.exit_code() == 128 + signal.SIGTERM


def test_a_response_that_was_begun_is_finished(run_server: Start) -> None:
    server = run_server("native")
    api = Api(server.address)
    payload = "x" * 8_000_000  # more than the kernel takes at once
    api.enqueue("a", payload)
    with api.wire() as wire:
        wire.send(b"GET /queues/a/dequeue HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.socket.recv(1, socket.MSG_PEEK)
        server.signal()
        server.wait_for(server.log, re.compile("stopping"))
        assert wire.response().json()["payload"] == payload
    assert server.exit_code() == 0
    assert "dropped" not in server.log.read_text()


def test_a_response_that_nobody_reads_does_not_hold_the_exit_up_for_long(run_server: Start) -> None:
    server = run_server("native")
    api = Api(server.address)
    api.enqueue("a", "x" * 8_000_000)
    with api.wire() as wire:
        wire.send(b"GET /queues/a/dequeue HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.socket.recv(1, socket.MSG_PEEK)
        server.signal()
        assert server.exit_code() == 0
    assert "dropped 1 messages of queue a" in server.log.read_text()
