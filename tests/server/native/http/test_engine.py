"""States and outcomes, without a socket, a loop or a clock that moves by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.contract.raw import request_bytes
from zoldyq.contract.errors import MalformedRequest, QueueFull, ZoldyQError
from zoldyq.queue import QueueManager
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.operations import Limits, Operations
from zoldyq.server.native.http.buffer import RequestBuffer
from zoldyq.server.native.http.engine import (
    Answer,
    Close,
    Engine,
    Outcome,
    Park,
    Pass,
    Times,
    Upgrade,
)
from zoldyq.server.native.http.head_reader import HeadReader
from zoldyq.server.native.http.render import Renderer
from zoldyq.server.native.http.routing import Router
from zoldyq.server.native.http.states import State

DEQUEUE = request_bytes("GET", "/queues/q/dequeue")
LONG_POLL = request_bytes("GET", "/queues/q/dequeue?timeout=30")
HEALTH = request_bytes("GET", "/health")
UPGRADE = request_bytes("GET", "/queues/q/enqueue", connection="Upgrade", upgrade="websocket")
ANNOUNCED = b"POST /queues/q/enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n%b\r\n"
BODY = b'{"payload":1}'


class StoppedClock:
    """A time that moves only when a test moves it."""

    now = 1000.0
    wall_us = 7


class Side:
    """An engine with all that it needs, and what its queues woke."""

    def __init__(self, **limits: int) -> None:
        self.queues = QueueManager()
        self.clock = StoppedClock()
        self.woken: list[int] = []
        operations = Operations(self.queues, Limits(**limits))  # type: ignore[arg-type]
        heads = HeadReader(
            Router(operations, AccessPolicy()).prepare, operations.limits.max_body_bytes
        )
        self.engine = Engine(
            RequestBuffer(heads, 1 << 14),
            Renderer(75),
            operations,
            clock=self.clock,
            times=Times(head=10, body=60, idle=75),
            wake=self.woken.append,
        )

    def feed(self, data: bytes) -> Outcome | None:
        """Feed bytes and return the first outcome."""
        self.engine.feed(data)
        return self.engine.next()

    @property
    def state(self) -> State:
        return self.engine.state

    def enqueue(self, *payloads: object) -> None:
        for payload in payloads:
            self.feed(request_bytes("POST", "/queues/q/enqueue", document(payload)))

    def size(self) -> int:
        return self.queues.stats("q").size


def document(payload: object) -> bytes:
    return json.dumps({"payload": payload}).encode()


def status(outcome: Outcome | None) -> int:
    """The status of the response that is to be sent."""
    assert isinstance(outcome, Answer), outcome
    return int(outcome.response.split()[1])


@pytest.fixture
def side() -> Iterator[Side]:
    side = Side()
    side.queues.create("q", capacity=1000)
    yield side
    side.engine.give_back()


class TestOutcomes:
    def test_a_request_is_answered_and_the_next_one_awaited(self, side: Side) -> None:
        assert status(side.feed(DEQUEUE)) == 204
        assert side.engine.next() is None
        assert side.state is State.READING

    def test_one_whole_request_takes_the_short_way(self, side: Side) -> None:
        for _ in range(3):
            assert status(side.engine.short(DEQUEUE)) == 204
        for data in (DEQUEUE + b"G", DEQUEUE[:-1], b"\r\n" + DEQUEUE, b"GET / HTTP/2\r\n\r\n"):
            assert side.engine.short(data) is None

    def test_a_half_request_needs_more(self, side: Side) -> None:
        for at in range(len(DEQUEUE) - 1):
            assert side.feed(DEQUEUE[at : at + 1]) is None
        assert status(side.feed(DEQUEUE[-1:])) == 204

    def test_the_last_answer_is_followed_by_a_close(self, side: Side) -> None:
        last = request_bytes("GET", "/queues/q/dequeue", connection="close")
        assert status(side.feed(last + DEQUEUE)) == 204
        for _ in range(2):
            assert isinstance(side.engine.next(), Close)
        side.engine.linger()
        assert side.state is State.LINGERING
        assert side.engine.next() is None

    def test_a_malformed_request_is_refused_and_ends_the_connection(self, side: Side) -> None:
        assert status(side.feed(b"GET / HTTP/9\r\n\r\n")) == 400
        assert isinstance(side.engine.next(), Close)

    def test_what_the_loop_does_not_answer_is_passed_on(self, side: Side) -> None:
        outcome = side.feed(HEALTH + DEQUEUE)
        assert isinstance(outcome, Pass)
        assert outcome.head.path == "/health"
        assert side.engine.next() is None
        answer = side.engine.answered(b"HTTP/1.1 200 OK\r\n\r\n", close=False)
        assert status(answer) == 200
        assert status(side.engine.next()) == 204

    def test_a_worker_s_last_answer_ends_the_connection(self, side: Side) -> None:
        side.feed(HEALTH)
        side.engine.answered(b"HTTP/1.1 200 OK\r\n\r\n", close=True)
        assert isinstance(side.engine.next(), Close)

    def test_a_handshake_waits_until_it_may_leave(self, side: Side) -> None:
        for outcome in (side.feed(UPGRADE + b"early"), side.engine.next()):
            assert isinstance(outcome, Upgrade)
        assert side.engine.detach() == b"early"
        assert side.state is State.DETACHED

    @pytest.mark.parametrize("path", ["/queues/q/dequeue?count=x", "/queues/!/dequeue"])
    def test_a_head_that_is_refused_has_no_content(self, side: Side, path: str) -> None:
        outcome = side.feed(request_bytes("HEAD", path, body=b"x" * (9 << 20))[:300])
        assert status(outcome) == 413
        assert isinstance(outcome, Answer)
        assert outcome.response.endswith(b"\r\n\r\n")

    def test_a_malformed_head_has_no_content_either(self, side: Side) -> None:
        outcome = side.feed(b"HEAD / HTTP/1.1\r\n\r\n")
        assert status(outcome) == 400
        assert isinstance(outcome, Answer)
        assert outcome.response.endswith(b"\r\n\r\n")


class TestBodies:
    def test_a_body_is_invited_once(self, side: Side) -> None:
        assert status(side.feed(ANNOUNCED % b"Expect: 100-continue\r\n")) == 100
        assert side.engine.next() is None
        assert side.state is State.BODY
        assert side.feed(BODY[:5]) is None
        assert status(side.feed(BODY[5:])) == 200
        assert side.state is State.READING

    def test_a_body_that_is_too_large_is_not_awaited(self) -> None:
        side = Side(max_body_bytes=12)
        assert status(side.feed(ANNOUNCED % b"")) == 413
        assert side.state is State.ENDING

    def test_a_chunked_body_is_refused_once_it_is_too_large(self) -> None:
        side = Side(max_body_bytes=12)
        head = b"POST /queues/q/enqueue HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert side.feed(head + b"9\r\n123456789\r\n") is None
        assert status(side.feed(b"9\r\n123456789\r\n")) == 413


class TestWaiting:
    def test_a_request_that_waits_is_parked_and_answered_when_woken(self, side: Side) -> None:
        assert isinstance(side.feed(LONG_POLL), Park)
        assert side.engine.next() is None
        assert side.engine.deadline() == side.clock.now + 30
        side.queues.enqueue_many("q", [b"1"])
        assert side.woken == [0]
        assert side.engine.resume(1) is None
        assert status(side.engine.resume(0)) == 200
        assert side.engine.resume(0) is None

    def test_a_wait_expires(self, side: Side) -> None:
        side.feed(LONG_POLL)
        assert status(side.engine.expire()) == 204
        assert side.state is State.READING

    def test_a_wait_that_is_not_settled_stays_parked(
        self, side: Side, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        side.feed(LONG_POLL)
        wait = side.engine._wait
        assert wait is not None
        with monkeypatch.context() as patch:
            patch.setattr(type(wait), "finish", lambda _wait, expired: None)
            assert isinstance(side.engine.resume(0), Park)
            assert isinstance(side.engine.expire(), Park)
        assert (side.state, side.engine.deadline()) == (State.PARKED, float("inf"))
        side.queues.enqueue_many("q", [b"1"])
        assert status(side.engine.resume(0)) == 200

    def test_a_wait_that_breaks_is_answered_500_and_leaves_the_line(
        self, side: Side, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        side.feed(LONG_POLL)
        wait = side.engine._wait
        assert wait is not None
        monkeypatch.setattr(type(wait), "finish", broken)
        assert status(side.engine.resume(0)) == 500
        assert side.queues.stats("q").waiting_consumers == 0

    def test_closing_leaves_the_line(self, side: Side) -> None:
        side.feed(LONG_POLL)
        side.engine.give_back()
        assert side.queues.stats("q").waiting_consumers == 0
        side.queues.enqueue_many("q", [b"1"])
        assert side.woken == []


class TestOwnership:
    def test_a_message_is_the_engine_s_until_another_takes_the_answer(self, side: Side) -> None:
        side.enqueue(1)
        side.engine.taken = None
        assert status(side.feed(DEQUEUE)) == 200
        assert side.size() == 0
        side.engine.give_back()
        assert side.size() == 1

    def test_a_message_that_was_handed_on_is_not_put_back(self, side: Side) -> None:
        side.enqueue(1)
        side.feed(DEQUEUE)
        side.engine.taken = None
        side.engine.give_back()
        assert side.size() == 0

    def test_an_answer_that_cannot_be_rendered_keeps_its_message(
        self, side: Side, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        side.enqueue(1)
        with monkeypatch.context() as patch:
            patch.setattr(Renderer, "render", broken)
            with pytest.raises(MemoryError):
                side.feed(DEQUEUE)
        side.engine.give_back()
        assert side.size() == 1


class TestDeadlines:
    def test_a_new_client_has_as_long_as_for_a_head(self, side: Side) -> None:
        assert side.engine.deadline() == side.clock.now + 10

    def test_the_head_the_body_and_the_pause_have_their_own(self, side: Side) -> None:
        side.feed(b"POST /queues/q")
        assert side.engine.deadline() == side.clock.now + 10
        side.clock.now += 5
        side.feed(b"/enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n")
        assert side.engine.deadline() == side.clock.now + 60
        side.clock.now += 5
        side.feed(BODY)
        assert side.engine.deadline() == side.clock.now + 75

    def test_drops_of_a_head_do_not_move_its_deadline(self, side: Side) -> None:
        side.feed(b"G")
        deadline = side.engine.deadline()
        side.clock.now += 5
        side.feed(b"ET /")
        assert side.engine.deadline() == deadline

    @pytest.mark.parametrize(
        ("begun", "what"), [(b"GET /", b"head"), (ANNOUNCED % b"" + b"{", b"body")]
    )
    def test_a_slow_request_is_told_what_was_slow(
        self, side: Side, begun: bytes, what: bytes
    ) -> None:
        side.feed(begun)
        outcome = side.engine.expire()
        assert status(outcome) == 408
        assert isinstance(outcome, Answer)
        assert what in outcome.response

    @pytest.mark.parametrize("begun", [b"", DEQUEUE])
    def test_an_idle_connection_is_closed_without_a_word(self, side: Side, begun: bytes) -> None:
        side.feed(begun)
        assert side.engine.expire() is None

    def test_a_worker_has_no_deadline(self, side: Side) -> None:
        side.feed(HEALTH)
        assert side.engine.deadline() == float("inf")


IMPOSSIBLE: list[tuple[bytes, Callable[[Engine], object]]] = [
    (b"", Engine.linger),
    (b"", Engine.detach),
    (LONG_POLL, lambda engine: engine.fail(MalformedRequest("x"))),
    (HEALTH, Engine.linger),
    (UPGRADE, Engine.linger),
]


@pytest.mark.parametrize(("begun", "move"), IMPOSSIBLE)
def test_an_impossible_move_raises(
    side: Side, begun: bytes, move: Callable[[Engine], object]
) -> None:
    side.feed(begun)
    with pytest.raises(RuntimeError, match="cannot go from"):
        move(side.engine)


def broken(*_arguments: object, **_options: object) -> None:
    raise MemoryError


@pytest.mark.parametrize(("error", "state"), [(MalformedRequest, "ENDING"), (QueueFull, "READING")])
def test_an_error_that_closes_is_the_last_word(
    side: Side, monkeypatch: pytest.MonkeyPatch, error: type[ZoldyQError], state: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error("refused")

    monkeypatch.setattr(side.queues, "begin_dequeue", refuse)
    outcome = side.feed(DEQUEUE)
    assert status(outcome) == error.status
    assert side.state is State[state]
