from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.raw import request_bytes
from tests.helpers import wait_until
from tests.server.native.rig import Pipe, Rig
from zoldyq.server.native.connection import Connection
from zoldyq.server.native.http.engine import Times
from zoldyq.server.native.loop.poller import READ

DEQUEUE = request_bytes("GET", "/queues/q/dequeue")
LONG_POLL = request_bytes("GET", "/queues/q/dequeue?timeout=60")
SMALL_BUFFER = 4096
#: Payloads of which the kernel takes only a part with a small buffer.
LARGE = [f"{number}-" + "x" * 200_000 for number in range(5)]


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig() as rig:
        yield rig


def waiting(rig: Rig, queue: str = "q") -> int:
    return rig.queues.stats(queue).waiting_consumers


def park(rig: Rig) -> tuple[Connection, Pipe]:
    """A connection whose request stands in the line of ``q``."""
    if not any(name == "q" for name, _ in rig.queues.all_stats()):
        rig.queues.create("q", capacity=1000)
    before = waiting(rig)
    connection, pipe = rig.connect()
    pipe.send(LONG_POLL)
    wait_until(lambda: waiting(rig) == before + 1)
    return connection, pipe


class TestAnswers:
    def test_requests_in_one_piece_are_answered_in_order(self, rig: Rig) -> None:
        _, pipe = rig.connect()
        with pipe:
            enqueue = request_bytes("POST", "/queues/q/enqueue", b'{"payloads":[1,2,3]}')
            pipe.send(enqueue + DEQUEUE * 4)
            assert pipe.response().json()["count"] == 3
            assert [pipe.response().json()["payload"] for _ in range(3)] == [1, 2, 3]
            assert pipe.response().status == 204

    def test_what_the_loop_does_not_answer_waits_for_its_worker(self, rig: Rig) -> None:
        connection, pipe = rig.connect()
        with pipe:
            pipe.send(request_bytes("GET", "/health") + request_bytes("GET", "/ready") + DEQUEUE)
            wait_until(lambda: len(rig.submitted) == 1)
            response = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
            rig.reactor.post(partial(connection.answered, response + b"1", close=False))
            wait_until(lambda: len(rig.submitted) == 2)
            rig.reactor.post(partial(connection.answered, response + b"2", close=False))
            assert [pipe.response().body for _ in range(2)] == [b"1", b"2"]
            assert pipe.response().status == 204
        assert [head.path for _, head, _ in rig.submitted] == ["/health", "/ready"]

    def test_an_answer_for_a_client_that_has_gone_goes_nowhere(self, rig: Rig) -> None:
        connection, pipe = rig.connect()
        pipe.send(request_bytes("GET", "/health"))
        wait_until(lambda: len(rig.submitted) == 1)
        pipe.socket.close()
        wait_until(lambda: rig.ended == 1)
        rig.call(partial(connection.answered, b"HTTP/1.1 200 OK\r\n\r\n", close=False))
        assert rig.ended == 1

    def test_an_upgrade_leaves_with_what_was_read_too_early(self, rig: Rig) -> None:
        rig.enqueue("q", 1)
        _, pipe = rig.connect()
        upgrade = request_bytes(
            "GET", "/queues/q/enqueue", connection="Upgrade", upgrade="websocket"
        )
        with pipe:
            pipe.send(DEQUEUE + upgrade + b"\x81\x80early")
            assert pipe.response().json()["payload"] == 1
            assert pipe.is_closed()
        assert [unread for _, unread in rig.detached] == [b"\x81\x80early"]

    def test_an_upgrade_behind_an_answer_that_cannot_be_written(self, rig: Rig) -> None:
        rig.enqueue("q", 1)
        connection, pipe = rig.connect()
        upgrade = request_bytes(
            "GET", "/queues/q/enqueue", connection="Upgrade", upgrade="websocket"
        )

        def lose_the_peer() -> None:
            pipe.send(DEQUEUE + upgrade)
            pipe.socket.close()
            connection.on_event(READ)

        rig.call(lose_the_peer)
        assert rig.left("q") == [1]
        assert (rig.ended, rig.detached) == (1, [])

    def test_a_fault_is_answered_and_ends_nothing(
        self, rig: Rig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, pipe = rig.connect()
        with pipe:
            with monkeypatch.context() as patch:
                patch.setattr(rig.operations, "dequeue", lambda *_: 1 // 0)
                pipe.send(DEQUEUE)
                response = pipe.response()
            assert (response.status, response.code) == (500, "internal_error")
            assert b"division" not in response.body
            pipe.send(DEQUEUE)
            assert pipe.response().status == 204


class TestTurns:
    def test_of_many_pipelined_requests_some_are_answered_in_a_turn(self, rig: Rig) -> None:
        connection, pipe = rig.connect()
        enqueue = request_bytes("POST", "/queues/q/enqueue", b'{"payload":1}')

        def first_turn() -> int:
            pipe.send(enqueue * 600)
            connection.on_event(READ)
            return rig.queues.stats("q").size

        with pipe:
            assert 0 < rig.call(first_turn) < 600
            assert [pipe.response().json()["queue_size"] for _ in range(600)] == [*range(1, 601)]
            pipe.send(DEQUEUE)
            assert pipe.response().json()["queue_size"] == 599

    def test_of_many_chunks_some_are_decoded_in_a_turn(self, rig: Rig) -> None:
        connection, pipe = rig.connect()
        head = b"POST /queues/q/enqueue HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks = b"1\r\n \r\n" * 10_000 + b'd\r\n{"payload":1}\r\n0\r\n\r\n'

        def first_turn() -> int:
            pipe.send(head + chunks)
            connection.on_event(READ)
            return connection._engine.buffer.body_bytes

        with pipe:
            assert 0 < rig.call(first_turn) <= 1000
            assert pipe.response().json()["queue_size"] == 1

    def test_a_client_that_leaves_between_two_turns_harms_no_one(self, rig: Rig) -> None:
        connection, pipe = rig.connect()

        def leave() -> None:
            pipe.send(DEQUEUE * 600)
            connection.on_event(READ)
            connection.close()

        rig.enqueue("q", *range(600))
        rig.call(leave)
        with pipe:
            received = pipe.payloads()
        rig.wait_idle()
        assert received + rig.left("q") == [*range(600)]


class TestParked:
    def test_a_message_wakes_it(self, rig: Rig) -> None:
        _, pipe = park(rig)
        with pipe:
            rig.enqueue("q", "hello")
            assert pipe.response().json()["payload"] == "hello"

    def test_requests_behind_it_are_served_afterwards(self, rig: Rig) -> None:
        rig.queues.create("q", capacity=10)
        _, pipe = rig.connect()
        with pipe:
            pipe.send(LONG_POLL + DEQUEUE + DEQUEUE)
            wait_until(lambda: waiting(rig) == 1)
            rig.enqueue("q", 1, 2)
            assert [pipe.response().json()["payload"] for _ in range(2)] == [1, 2]
            assert pipe.response().status == 204

    def test_a_client_that_floods_a_waiting_connection_is_not_read(self, rig: Rig) -> None:
        _, pipe = park(rig)
        pipe.socket.setblocking(False)
        sent = 0
        with pipe:
            with suppress(BlockingIOError):
                while sent < 50_000_000:
                    sent += pipe.socket.send(DEQUEUE * 100)
            assert sent < 50_000_000
            assert waiting(rig) == 1

    def test_a_wake_up_that_was_meant_for_an_earlier_wait_is_ignored(self, rig: Rig) -> None:
        connection, pipe = park(rig)
        with pipe:
            rig.enqueue("q", 1)
            assert pipe.response().json()["payload"] == 1
            pipe.send(LONG_POLL)
            wait_until(lambda: waiting(rig) == 1)
            rig.call(partial(connection.on_wake, 0))
            assert waiting(rig) == 1
            rig.enqueue("q", 2)
            assert pipe.response().json()["payload"] == 2

    def test_it_expires(self, rig: Rig) -> None:
        _, pipe = rig.connect()
        with pipe:
            pipe.send(request_bytes("GET", "/queues/q/dequeue?timeout=0.05"))
            assert pipe.response().status == 204

    @pytest.mark.parametrize("half", [True, False])
    def test_a_client_that_leaves_gives_its_place_free(self, rig: Rig, half: bool) -> None:
        _, pipe = park(rig)
        with pipe:
            if half:
                pipe.half_close()
            else:
                pipe.socket.close()
            wait_until(lambda: waiting(rig) == 0)
            rig.enqueue("q", 1)
            assert rig.left("q") == [1]
            wait_until(lambda: rig.ended == 1)

    def test_a_message_won_by_a_client_that_has_left_goes_to_the_next(self, rig: Rig) -> None:
        _, gone = park(rig)
        _, alive = park(rig)

        def leave_and_enqueue() -> None:
            gone.socket.close()
            rig.enqueue("q", 1)  # handed to the first in line before its hang-up is seen

        rig.call(leave_and_enqueue)
        with alive:
            assert alive.response().json()["payload"] == 1

    def test_the_end_of_the_loop_puts_back_what_was_won(self) -> None:
        with Rig() as rig:
            _, pipe = park(rig)

            def enqueue_and_stop() -> None:
                rig.reactor.stop()
                rig.queues.enqueue_many("q", [b"1"])

            rig.reactor.post(enqueue_and_stop)
        with pipe:
            got = [1] if b'"payload":1' in pipe.rest() else []
        assert got + rig.left("q") == [1]


class TestSlowReaders:
    def test_an_answer_goes_out_piece_by_piece(self, rig: Rig) -> None:
        rig.enqueue("q", *LARGE)
        _, pipe = rig.connect(buffer=SMALL_BUFFER)
        with pipe:
            pipe.send(DEQUEUE * 5)
            assert [pipe.response().json()["payload"] for _ in range(5)] == LARGE
        assert rig.queues.stats("q").put_back_total == 0

    def test_whatever_the_kernel_did_not_take_whole_goes_back_in_order(self, rig: Rig) -> None:
        rig.enqueue("q", *LARGE)
        _, pipe = rig.connect(buffer=SMALL_BUFFER)
        with pipe:
            pipe.send(DEQUEUE * 5)
            assert pipe.response().json()["payload"] == LARGE[0]
        wait_until(lambda: rig.ended == 1)
        left = rig.left("q")
        # The second answer may have been taken whole by the kernel, the third cannot.
        assert left == LARGE[5 - len(left) :]
        assert len(left) >= 3

    def test_of_answers_sent_together_only_those_cut_go_back(self, rig: Rig) -> None:
        rig.enqueue("q", *range(2000))
        _, pipe = rig.connect(buffer=SMALL_BUFFER)
        pipe.send(DEQUEUE * 600)
        wait_until(lambda: rig.queues.stats("q").dequeued_total > 0)
        rig.wait_idle()
        received = pipe.socket.recv(3000)
        pipe.socket.close()
        wait_until(lambda: rig.ended == 1)
        left = rig.left("q")
        # In order, without a gap, and beginning behind what the client could have read whole.
        assert left == list(range(left[0], 2000))
        assert received.count(b'"enqueued_at"') <= left[0] + 1

    @given(taken=st.integers(0, 5 * 200), more=st.integers(0, 300))
    def test_a_message_goes_back_unless_the_last_byte_of_its_answer_was_taken(
        self, taken: int, more: int
    ) -> None:
        with Rig() as rig:
            rig.enqueue("q", *"abcde")
            connection, pipe = rig.connect()
            stingy = Stingy(connection.stream.sock, [taken, more])
            connection.stream.sock = stingy  # type: ignore[assignment]
            with pipe:
                pipe.send(DEQUEUE * 5)
                pipe.half_close()
                whole = pipe.payloads()
            wait_until(lambda: rig.ended == 1)
            assert whole + rig.left("q") == list("abcde")

    def test_a_wait_behind_an_unread_answer_loses_nothing(self, rig: Rig) -> None:
        rig.enqueue("q", LARGE[0])
        _, pipe = rig.connect(buffer=SMALL_BUFFER)
        pipe.send(DEQUEUE + LONG_POLL)
        wait_until(lambda: waiting(rig) == 1)
        rig.enqueue("q", "second")
        rig.wait_idle()
        pipe.socket.close()
        wait_until(lambda: rig.ended == 1)
        assert rig.left("q") == [LARGE[0], "second"]

    def test_a_wait_behind_an_unread_answer_is_answered_behind_it(self, rig: Rig) -> None:
        rig.enqueue("q", LARGE[0])
        _, pipe = rig.connect(buffer=SMALL_BUFFER)
        with pipe:
            pipe.send(DEQUEUE + LONG_POLL)
            wait_until(lambda: waiting(rig) == 1)
            rig.enqueue("q", "second")
            rig.wait_idle()
            assert pipe.response().json()["payload"] == LARGE[0]
            assert pipe.response().json()["payload"] == "second"

    def test_whoever_takes_no_data_is_let_go(self) -> None:
        with Rig(Times(send=0.1)) as rig:
            rig.enqueue("q", *LARGE)
            _, pipe = rig.connect(buffer=SMALL_BUFFER)
            with pipe:
                pipe.send(DEQUEUE)
                wait_until(lambda: rig.ended == 1)
                assert rig.left("q") == LARGE


class TestTheEnd:
    def test_the_last_answer_reaches_a_client_that_still_sends(self, rig: Rig) -> None:
        _, pipe = rig.connect()
        with pipe:
            pipe.send(b"garbage\r\n\r\n" + b"x" * 30_000)
            response = pipe.response()
            assert (response.status, response.headers["connection"]) == (400, "close")
            assert pipe.is_closed()
            pipe.send(b"more")
            assert rig.ended == 0
        wait_until(lambda: rig.ended == 1)

    @pytest.mark.parametrize("stream", [b"", b"GET /", DEQUEUE[:-1], DEQUEUE])
    def test_a_client_may_close_whenever_it_likes(self, rig: Rig, stream: bytes) -> None:
        _, pipe = rig.connect()
        with pipe:
            pipe.send(stream)
        wait_until(lambda: rig.ended == 1)

    @pytest.mark.parametrize("begun", [b"", b"GET", b"POST /queues/q/enqueue HTTP/1.1\r\n"])
    def test_a_client_that_is_late_is_let_go(self, begun: bytes) -> None:
        with Rig(Times(head=0.05, idle=0.05)) as rig:
            _, pipe = rig.connect()
            with pipe:
                pipe.send(begun)
                ended = pipe.rest()
            assert (b" 408 " in ended) == bool(begun)
            wait_until(lambda: rig.ended == 1)

    def test_a_body_is_invited_once_and_only_if_it_may_come(self) -> None:
        with Rig(max_body_bytes=100) as rig:
            head = b"POST /queues/q/enqueue HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            _, pipe = rig.connect()
            with pipe:
                pipe.send(head + b"Content-Length: 13\r\n\r\n")
                assert pipe.response().status == 100
                for at in range(13):
                    pipe.send(b'{"payload":1}'[at : at + 1])
                assert pipe.response().json()["queued"] is True
                pipe.send(head + b"Content-Length: 13\r\n\r\n" + b'{"payload":1}')
                assert pipe.response().json()["queued"] is True
                pipe.send(head + b"Content-Length: 101\r\n\r\n")
                assert pipe.response().status == 413
                assert pipe.is_closed()


class Stingy:
    """A socket that takes so many bytes at each call and is broken afterwards."""

    def __init__(self, sock: socket.socket, portions: list[int]) -> None:
        self._sock = sock
        self._portions = portions
        self.fileno = sock.fileno
        self.recv = sock.recv
        self.close = sock.close

    def send(self, data: bytes) -> int:
        if not self._portions:
            raise BrokenPipeError
        portion = self._portions.pop(0)
        return self._sock.send(data[:portion]) if portion else 0
