"""WebSocket sessions as a whole: who gets one, how many, and how they end."""

from __future__ import annotations

import socket
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import websocket

from tests.helpers import Task, wait_until
from tests.websocket.client import RawClient
from tests.websocket.frames import HANDSHAKE, PING, client_frame, close_payload
from tests.websocket.server import running
from zoldyq.queue import QueueManager

ENQUEUE = "/queues/a/enqueue"
DEQUEUE = "/queues/a/dequeue"


def refused(path: str, headers: dict[str, str] | None = None, **options: Any) -> tuple[int, str]:
    """Ask for a WebSocket that is refused; return status and error code."""
    with running(**options) as server, server.open() as client:
        client.handshake(path, headers or HANDSHAKE)
        document = client.body()
        assert document["message"]
        assert server.sessions.open == 0
        return client.status, document["error"]


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in HANDSHAKE.items() if key != name}


class TestRefusals:
    @pytest.mark.parametrize(
        "headers",
        [
            without("Sec-WebSocket-Key"),
            without("Sec-WebSocket-Version"),
            without("Upgrade"),
            without("Connection"),
            {**HANDSHAKE, "Sec-WebSocket-Key": "short"},
            {**HANDSHAKE, "Sec-WebSocket-Key": "not base64 at all!!!!!!!"},
            {**HANDSHAKE, "Upgrade": "h2c"},
            {**HANDSHAKE, "Connection": "keep-alive"},
        ],
    )
    def test_a_bad_handshake(self, headers: dict[str, str]) -> None:
        assert refused(ENQUEUE, headers) == (400, "malformed_request")

    @pytest.mark.parametrize("line", [f"POST {ENQUEUE} HTTP/1.1", f"GET {ENQUEUE} HTTP/1.0"])
    def test_a_handshake_that_is_no_get_of_http_1_1(self, line: str) -> None:
        with running() as server, server.open() as client:
            client.request(line, HANDSHAKE)
            assert (client.status, client.body()["error"]) == (400, "malformed_request")

    def test_another_version_is_told_which_one_is_spoken(self) -> None:
        with running() as server, server.open() as client:
            client.handshake(ENQUEUE, {**HANDSHAKE, "Sec-WebSocket-Version": "8"})
            assert client.status == 426
            assert b"Sec-WebSocket-Version: 13" in client.head
            assert client.body()["error"] == "upgrade_required"

    @pytest.mark.parametrize("verb", ["enqueue", "dequeue"])
    def test_an_invalid_name(self, verb: str) -> None:
        assert refused(f"/queues/-a/{verb}") == (400, "invalid_queue_name")

    @pytest.mark.parametrize("query", ["count=0", "count=x", "count=101", "credit=0", "credit=-1"])
    def test_an_invalid_count_or_credit(self, query: str) -> None:
        assert refused(f"{DEQUEUE}?{query}", max_count=100) == (400, "invalid_count")

    @pytest.mark.parametrize(
        "path", [f"{DEQUEUE}?timeot=3", f"{DEQUEUE}?credit=1&credit=2", f"{ENQUEUE}?timeout=3"]
    )
    def test_an_unknown_or_repeated_parameter(self, path: str) -> None:
        assert refused(path) == (400, "unknown_parameter")

    def test_each_refused_handshake_is_counted_once(self) -> None:
        with running() as server, server.open() as client:
            client.handshake(f"{DEQUEUE}?credit=0", HANDSHAKE)
            assert client.body()["error"] == "invalid_count"
            assert server.operations.refusals.snapshot() == {"invalid_count": 1}

    @pytest.mark.parametrize("path", ["/queues/a", "/health"])
    def test_another_path(self, path: str) -> None:
        assert refused(path) == (404, "not_found")

    def test_a_page_of_another_origin(self) -> None:
        headers = {**HANDSHAKE, "Origin": "https://elsewhere.example"}
        assert refused(DEQUEUE, headers) == (403, "forbidden_origin")

    def test_a_client_without_its_token(self) -> None:
        assert refused(DEQUEUE, tokens=["secret"]) == (401, "unauthorized")

    def test_one_more_than_the_limit(self) -> None:
        with running(max_sessions=1) as server, server.raw(DEQUEUE) as first:
            assert first.status == 101
            with server.raw(DEQUEUE) as second:
                assert second.status == 503
                assert b"Retry-After: 1" in second.head
                assert second.body()["error"] == "too_many_websockets"

    def test_a_place_is_free_again_after_a_session(self) -> None:
        with running(max_sessions=1) as server:
            for _ in range(3):
                with server.connect(DEQUEUE):
                    assert server.sessions.open == 1
                wait_until(lambda: server.sessions.open == 0)

    @pytest.mark.parametrize("path", [ENQUEUE, DEQUEUE])
    def test_a_server_that_drains(self, path: str) -> None:
        manager = QueueManager()
        manager.drain()
        assert refused(path, manager=manager) == (503, "shutting_down")

    def test_a_server_that_gives_no_socket(self) -> None:
        with running() as server:
            environ = {"PATH_INFO": ENQUEUE, "REQUEST_METHOD": "GET"}
            answers: list[str] = []

            def start_response(status: str, headers: object, exc_info: object = None) -> Any:
                answers.append(status)

            body = b"".join(server.sessions.serve(environ, start_response))
            assert answers == ["501 Not Implemented"]
            assert b"websocket_unavailable" in body
            assert b"gthread" in body


class TestHandshake:
    def test_a_token_may_come_as_a_subprotocol(self) -> None:
        token = "bearer." + urlsafe_b64encode(b"secret").decode().rstrip("=")
        offered: Any = ["zoldyq", token]
        with (
            running(tokens=["secret"]) as server,
            server.connect(DEQUEUE, subprotocols=offered) as client,
        ):
            assert client.subprotocol == "zoldyq"

    def test_without_an_offer_no_subprotocol_is_selected(self) -> None:
        with running() as server, server.raw(DEQUEUE) as client:
            assert b"Sec-WebSocket-Protocol" not in client.head

    def test_compression_is_not_negotiated(self) -> None:
        with running() as server, server.connect(ENQUEUE, compression="deflate") as client:
            assert client.protocol.extensions == []
            client.send('{"payload":1}')
            assert '"queued":true' in str(client.recv())

    def test_another_client_library_is_served(self) -> None:
        with running() as server:
            client = websocket.create_connection(server.url(ENQUEUE), timeout=10)
            client.send('{"payload":1}')
            assert '"queued":true' in client.recv()
            client.close()


class TestTheEnd:
    @pytest.mark.parametrize("path", [ENQUEUE, DEQUEUE])
    def test_a_close_frame_is_answered_in_kind(self, path: str) -> None:
        with running() as server, server.raw(path) as client:
            client.send(client_frame(close_payload(1000, b"done"), 0x88))
            assert client.receive_close() == 1000

    @pytest.mark.parametrize("path", [ENQUEUE, DEQUEUE])
    def test_all_sessions_are_closed_with_1001(self, path: str) -> None:
        with running() as server, server.raw(path) as first, server.raw(path) as second:
            wait_until(lambda: server.sessions.open == 2)
            closing = Task(lambda: server.sessions.close_all(5.0))
            for client in (first, second):
                assert client.receive().close_code == 1001
                client.send(client_frame(close_payload(1001), 0x88))
            closing.result()
            assert server.sessions.open == 0

    @pytest.mark.parametrize("path", [ENQUEUE, DEQUEUE, f"{DEQUEUE}?credit=1"])
    def test_those_that_do_not_answer_are_ended_by_force(self, path: str) -> None:
        with running() as server, server.raw(path) as client:
            wait_until(lambda: server.sessions.open == 1)
            server.sessions.close_all(0.05)
            assert server.sessions.open == 0
            assert client.receive_close() == 1001

    def test_one_that_takes_no_data_is_ended_by_force(self) -> None:
        with running(send_buffer=4096) as server:
            server.queues.enqueue_many("a", [b'"%s"' % (b"x" * 10_000)] * 5000)
            with server.raw(DEQUEUE, receive_buffer=4096):
                wait_until(lambda: server.queues.stats("a").dequeued_total > 0)
                server.sessions.close_all(0.05)
                assert server.sessions.open == 0

    def test_after_that_nobody_is_let_in(self) -> None:
        with running() as server:
            server.sessions.close_all(1.0)
            with server.raw(ENQUEUE) as client:
                assert (client.status, client.body()["error"]) == (503, "shutting_down")

    def test_no_thread_outlives_its_session(self) -> None:
        with running() as server:
            before = threading.active_count()
            for path in (ENQUEUE, DEQUEUE):
                with server.raw(path) as client:
                    client.reset()
            wait_until(lambda: threading.active_count() <= before)

    def test_under_gunicorn_no_response_follows(self) -> None:
        ours, theirs = socket.socketpair()
        with running() as server, ours, RawClient(theirs) as client:
            environ = {"REQUEST_METHOD": "GET", "PATH_INFO": ENQUEUE, "gunicorn.socket": ours}
            environ |= {
                f"HTTP_{name.upper()}".replace("-", "_"): HANDSHAKE[name] for name in HANDSHAKE
            }
            serving = Task(lambda: server.sessions.serve(environ, no_response))
            client.read_head()
            client.send(client_frame(close_payload(1000), 0x88))
            with pytest.raises(StopIteration):
                serving.result()


def no_response(status: str, headers: object, exc_info: object = None) -> Any:
    """Take the place of ``start_response`` where it must not be called."""
    raise AssertionError(status)


class TestPings:
    def test_a_peer_that_answers_stays(self) -> None:
        with running(ping_seconds=0.8) as server, server.raw(ENQUEUE) as client:
            for _ in range(3):
                frame = client.receive()
                assert frame.first == 0x89
                client.send(client_frame(frame.payload, 0x8A))
            client.send(client_frame(b'{"payload":1}'))
            while client.receive().first != 0x81:
                pass

    @pytest.mark.parametrize("path", [ENQUEUE, DEQUEUE])
    def test_one_that_answers_none_is_closed(self, path: str) -> None:
        with running(ping_seconds=0.05) as server, server.raw(path) as client:
            assert client.receive().first == 0x89
            assert client.receive_close() == 1008

    def test_pings_of_the_peer_are_answered(self) -> None:
        with running() as server, server.raw(ENQUEUE) as client:
            client.send(client_frame(b"x", 0x89) * 1000)
            assert {client.receive() for _ in range(1000)} == {(0x8A, b"x")}

    def test_pings_go_out_although_messages_never_cease(self) -> None:
        with running(ping_seconds=0.1) as server, server.raw(ENQUEUE) as client:
            pinged = threading.Event()
            flooding = Task(lambda: flood(client, pinged))
            while client.receive().first != 0x89:
                pass
            pinged.set()
            flooding.result()


class TestLiveness:
    """Any byte from the peer is life, and so are messages that it takes; pongs are not needed."""

    PING_SECONDS = 0.8  # a peer that is late by two of them is closed
    #: Intervals between pings. A peer that shows no life is closed after two.
    INTERVALS = 4

    def receive_pings(self, client: RawClient, act: Callable[[int], object]) -> None:
        """Answer no ping, but act at each; the session must go on."""
        for number in range(self.INTERVALS):
            while client.receive().first != PING:
                pass
            act(number)

    def test_a_consumer_that_grants_late_and_answers_no_ping_stays(self) -> None:
        with (
            running(ping_seconds=self.PING_SECONDS) as server,
            server.raw(f"{DEQUEUE}?credit=1") as client,
        ):
            self.receive_pings(client, lambda _: client.send(client_frame(b'{"credit":1}')))

    def test_a_consumer_that_takes_messages_and_sends_nothing_stays(self) -> None:
        with running(ping_seconds=self.PING_SECONDS) as server, server.raw(DEQUEUE) as client:
            self.receive_pings(client, lambda _: server.queues.begin_enqueue("a", [b"1"]))

    def test_a_producer_whose_frame_comes_slowly_stays(self) -> None:
        frame = client_frame(b'{"payload":1}')
        with running(ping_seconds=self.PING_SECONDS) as server, server.raw(ENQUEUE) as client:
            self.receive_pings(client, lambda at: client.send(frame[at : at + 1]))
            client.send(frame[self.INTERVALS :])
            while (answer := client.receive()).first == PING:
                pass
            assert answer.document["queued"]

    def test_a_consumer_that_takes_a_burst_slowly_stays(self) -> None:
        """While a burst is on its way nothing is read; what it takes of it is life."""
        with (
            running(ping_seconds=self.PING_SECONDS, send_buffer=4096) as server,
            server.raw(DEQUEUE, receive_buffer=4096) as client,
        ):
            server.queues.begin_enqueue("a", [b'"%b"' % (b"x" * 2_000_000)])
            slowly = time.monotonic() + self.INTERVALS * self.PING_SECONDS
            while time.monotonic() < slowly:
                assert client.sock.recv(8192)
                time.sleep(0.01)  # the slowness itself
            assert server.sessions.open == 1

    @pytest.mark.parametrize("path", [ENQUEUE, DEQUEUE, f"{DEQUEUE}?credit=1"])
    def test_a_peer_without_a_byte_either_way_is_closed(self, path: str) -> None:
        with running(ping_seconds=self.PING_SECONDS) as server, server.raw(path) as client:
            assert client.receive().first == PING
            assert client.receive_close() == 1008

    def test_a_consumer_that_is_dead_in_a_burst_ends_as_soon(self) -> None:
        """Long before ``send_seconds``; and what it was not sent goes back."""
        with (
            running(ping_seconds=self.PING_SECONDS, send_seconds=60, send_buffer=4096) as server,
            server.raw(DEQUEUE, receive_buffer=4096),
        ):
            server.queues.begin_enqueue("a", [b'"%b"' % (b"x" * 100_000)] * 10)
            wait_until(lambda: server.queues.stats("a").put_back_total > 0)
            wait_until(lambda: server.sessions.open == 0)
            assert server.queues.stats("a").size == 10


def flood(client: RawClient, enough: threading.Event) -> None:
    """Send messages faster than they can be answered, so that there is always one to read."""
    frames = client_frame(b"{}") * 5000
    with suppress(OSError):  # nobody answers the pings, so in the end it is closed
        while not enough.is_set():
            client.send(frames)
