"""Sessions against peers that mean harm: each ends as it should, and the server goes on."""

from __future__ import annotations

import json
import socket
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.helpers import Task, wait_until
from tests.websocket.client import RawClient
from tests.websocket.frames import (
    BEGIN,
    BINARY,
    CLOSE,
    END,
    HANDSHAKE,
    MORE,
    PING,
    PONG,
    TEXT,
    client_frame,
    close_payload,
)
from tests.websocket.server import WebSocketServer, running

ENQUEUE, DEQUEUE, GRANTED = "/queues/a/enqueue", "/queues/a/dequeue", "/queues/a/dequeue?credit=5"
pytestmark = pytest.mark.slow

PATHS = [ENQUEUE, DEQUEUE, GRANTED]

GOOD = client_frame(b'{"payload":1}')
CLOSE_1000 = client_frame(close_payload(1000), CLOSE)

#: What a peer sees that sends to a connection which the server has closed.
CLOSED = (ConnectionResetError, BrokenPipeError)

OFFENCES = {
    "not masked": (b"\x81\x02{}", 1002),
    "a reserved bit": (client_frame(b"{}", TEXT | 0x20), 1002),
    "a reserved opcode": (client_frame(b"{}", 0x83), 1002),
    "a reserved control opcode": (client_frame(b"", 0x8F), 1002),
    "a ping in fragments": (client_frame(b"", PING & ~END), 1002),
    "a ping of 126 bytes": (client_frame(b"x" * 126, PING), 1002),
    "a close of 126 bytes": (client_frame(close_payload(1000, b"x" * 124), CLOSE), 1002),
    "half a close code": (client_frame(b"\x03", CLOSE), 1002),
    "a close code that nobody may send": (client_frame(close_payload(1006), CLOSE), 1002),
    "a reason that is no UTF-8": (client_frame(close_payload(1000, b"\xff"), CLOSE), 1007),
    "a fragment of nothing": (client_frame(b"{}", END), 1002),
    "a message within another": (client_frame(b"{", BEGIN) + client_frame(b"{}"), 1002),
    "no UTF-8": (client_frame(b'"\xc3"'), 1007),
    "no UTF-8 over two fragments": (
        client_frame(b'"\xc3', BEGIN) + client_frame(b'"', END),
        1007,
    ),
    "a length of more bytes than it needs": (b"\x81\xfe\x00\x02abcd{}", 1002),
    "a length beyond 63 bits": (b"\x81\xff" + b"\xff" * 8 + b"abcd", 1002),
    "exabytes announced": (b"\x81\xff\x7f" + b"\xff" * 7 + b"abcd", 1009),
    "a fragment over the limit": (client_frame(b"x" * 1001, BEGIN), 1009),
    "fragments that are too much together": (
        client_frame(b"x" * 999, BEGIN) + client_frame(b"x", MORE) * 2,
        1009,
    ),
}


@contextmanager
def watched(**options: int | float) -> Iterator[WebSocketServer]:
    """A server with a limit of 1,000 bytes a message, whose sessions all end, threads included."""
    with running(max_message_bytes=1000, **options) as server:
        before = threading.active_count()
        yield server
        wait_until(lambda: server.sessions.open == 0)
        wait_until(lambda: threading.active_count() <= before)


def flood(client: RawClient, frame: bytes) -> None:
    """Send without end and read nothing. Raises what the server's closing makes of it."""
    while True:
        client.send(frame * 1000)


def sizes(server: WebSocketServer) -> dict[str, int]:
    return {name: stats.size for name, stats in server.queues.all_stats()}


class TestOffences:
    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize(("frames", "code"), OFFENCES.values(), ids=OFFENCES)
    def test_it_ends_one_session_with_its_code_and_no_other(
        self, path: str, frames: bytes, code: int
    ) -> None:
        with watched() as server, server.raw("/queues/b/enqueue") as bystander:
            with server.raw(path) as offender:
                offender.send(frames, GOOD)
                assert offender.receive_close() == code
            bystander.send(GOOD)
            assert bystander.receive().document["queued"]
            assert sizes(server) == {"b": 1}

    def test_a_message_within_another_is_one_whenever_it_comes(self) -> None:
        with watched() as server, server.raw(ENQUEUE) as offender:
            offender.send(client_frame(b'{"payload"', BEGIN), client_frame(b"", PING))
            assert offender.receive() == (PONG, b"")  # so the fragment was read
            offender.send(GOOD)
            assert offender.receive_close() == 1002
            assert sizes(server) == {}

    @pytest.mark.parametrize("path", PATHS)
    def test_one_that_goes_on_sending_after_it_is_let_go(self, path: str) -> None:
        """It does not read, does not close, and does not cease."""
        with watched() as server, server.raw(path) as offender:
            offender.send(OFFENCES["not masked"][0])
            flooding = Task(lambda: flood(offender, GOOD))
            wait_until(lambda: server.sessions.open == 0)
            with pytest.raises(CLOSED):
                flooding.result()
            assert sizes(server) == {}

    @pytest.mark.parametrize("path", PATHS)
    def test_one_that_never_closes_its_end_is_let_go(self, path: str) -> None:
        with watched() as server, server.raw(path) as offender:
            offender.send(OFFENCES["not masked"][0])
            assert offender.receive_close() == 1002
            wait_until(lambda: server.sessions.open == 0)


class TestCompression:
    OFFERS = (
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        "permessage-deflate, x-webkit-deflate-frame",
    )

    @pytest.mark.parametrize("offer", OFFERS)
    def test_it_is_never_agreed_upon_and_a_bomb_is_an_offence(self, offer: str) -> None:
        bomb = zlib.compress(b'{"payload":"%b"}' % (b"x" * 700_000), wbits=-15)
        assert len(bomb) < 1000
        with watched() as server, server.open() as client:
            client.handshake(ENQUEUE, {**HANDSHAKE, "Sec-WebSocket-Extensions": offer})
            assert client.status == 101
            assert b"extensions" not in client.head.lower()
            client.send(client_frame(bomb, TEXT | 0x40))
            assert client.receive_close() == 1002
            assert sizes(server) == {}


class TestSlowness:
    def test_a_message_byte_by_byte(self) -> None:
        with watched() as server, server.raw(ENQUEUE) as client:
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in GOOD + client_frame(b"", PING):
                client.send(bytes((byte,)))
            assert client.receive().document["queued"]
            assert client.receive() == (PONG, b"")

    def test_whoever_stops_in_the_midst_of_a_frame_is_given_up(self) -> None:
        with watched(ping_seconds=0.1) as server, server.raw(ENQUEUE) as client:
            client.send(GOOD[:-1])
            assert client.receive_close() == 1008
            assert sizes(server) == {}


class TestFloods:
    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize(
        "frame",
        [client_frame(b"x" * 125, PING), client_frame(b"", BINARY)],
        ids=["pings", "bad messages"],
    )
    def test_whoever_takes_no_answers_is_not_read_from_and_then_let_go(
        self, path: str, frame: bytes
    ) -> None:
        with (
            watched(send_seconds=0.2, send_buffer=4096) as server,
            server.raw(path, receive_buffer=4096) as client,
        ):
            flooding = Task(lambda: flood(client, frame))
            wait_until(lambda: server.sessions.open == 0)
            with pytest.raises(CLOSED):
                flooding.result()

    def test_of_grants_leaves_the_credit_right(self) -> None:
        grants = 20_000
        with watched() as server, server.raw("/queues/a/dequeue?credit=1") as client:
            client.send(client_frame(b'{"credit":1}') * (grants - 1), client_frame(b"", PING))
            assert client.receive() == (PONG, b"")  # so all were read
            for _ in range(10):
                server.queues.enqueue_many("a", [b"0"] * (grants // 5))
            for _ in range(grants):
                assert client.receive().document["payload"] == 0
            client.send(client_frame(b"", PING))
            assert client.receive() == (PONG, b"")
            assert sizes(server) == {"a": grants}


class TestTheSocket:
    def test_whoever_closes_one_half_gets_the_answers(self) -> None:
        with watched() as server, server.raw(ENQUEUE) as client:
            client.send(GOOD * 1000)
            client.sock.shutdown(socket.SHUT_WR)
            assert [client.receive().document["queue_size"] for _ in range(1000)][-1] == 1000
            client.expect_end()

    @pytest.mark.parametrize("cut", [1, 5, len(GOOD) - 1])
    def test_what_was_cut_by_a_half_close_is_not_queued(self, cut: int) -> None:
        with watched() as server, server.raw(ENQUEUE) as client:
            client.send(GOOD + GOOD[:cut])
            client.sock.shutdown(socket.SHUT_WR)
            assert client.receive().document["queued"]
            client.expect_end()
            assert sizes(server) == {"a": 1}

    @pytest.mark.parametrize("path", PATHS)
    def test_a_reset_ends_the_session_at_any_point(self, path: str) -> None:
        with watched() as server:
            server.queues.enqueue_many("a", [b"0"] * 20_000)
            for sent in (b"", GOOD[:3], GOOD, GOOD * 500, client_frame(b"x", BEGIN), CLOSE_1000):
                client = server.raw(path)
                client.send(sent)
                client.reset()
            wait_until(lambda: server.sessions.open == 0)

    def test_an_enqueue_that_was_reset_before_its_answers_was_queued_whole_or_not_at_all(
        self,
    ) -> None:
        batch = json.dumps({"payloads": list(range(10))}).encode()
        with watched() as server:
            for frames in range(1, 30):
                client = server.raw(ENQUEUE)
                client.send(client_frame(batch) * frames)
                client.reset()
            wait_until(lambda: server.sessions.open == 0)
            queued = [int(m.payload) for m in server.queues.peek("a", 100_000).messages]
            assert queued == list(range(10)) * (len(queued) // 10)


class TestHandshakes:
    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-WebSocket-Key": HANDSHAKE["Sec-WebSocket-Key"] + ", x"},
            {"Sec-WebSocket-Key": "A" * 5000},
            {"Sec-WebSocket-Key": "\u00e9" * 24},
            {"Sec-WebSocket-Key": ""},
            {"Sec-WebSocket-Version": "13x"},
            {"Sec-WebSocket-Version": "-1"},
            {"Connection": "Upgraded"},
            {"Upgrade": "websocket2"},
        ],
    )
    def test_junk_is_refused_and_costs_no_session(self, headers: dict[str, str]) -> None:
        with watched(max_sessions=1) as server:
            with server.open() as client:
                client.handshake(ENQUEUE, {**HANDSHAKE, **headers})
                assert client.status in (400, 426)
                assert client.body()["message"]
            with server.raw(ENQUEUE) as client:
                assert client.status == 101

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-WebSocket-Extensions": ';;;="\\'},
            {"Sec-WebSocket-Protocol": "," * 1000},
            {"Sec-WebSocket-Protocol": "bearer.!!!, zoldyq"},
            {"Sec-WebSocket-Protocol": "\u00e9"},
        ],
    )
    def test_junk_that_means_nothing_is_passed_over(self, headers: dict[str, str]) -> None:
        with watched() as server, server.open() as client:
            client.handshake(ENQUEUE, {**HANDSHAKE, **headers})
            assert client.status == 101
            client.send(GOOD)
            assert client.receive().document["queued"]
