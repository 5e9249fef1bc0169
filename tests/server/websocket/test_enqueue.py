"""Sessions that enqueue: every frame gets its answer, and a bad one ends nothing."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tests.helpers import Task, wait_until
from tests.websocket.client import RawClient
from tests.websocket.frames import BINARY, PONG, TEXT, client_frame, close_payload
from tests.websocket.server import WebSocketServer, running
from zoldyq.queue import QueueManager

PATH = "/queues/a/enqueue"
FRAGMENT, LAST = 0x01, 0x80


def payloads(server: WebSocketServer) -> list[bytes]:
    return [message.payload for message in server.queues.peek("a", 100_000).messages]


def exchange(client: RawClient, *frames: bytes) -> list[Any]:
    """Send frames at once; return a document for each."""
    client.send(*frames)
    return [client.receive().document for _ in frames]


class TestAnswers:
    def test_a_message_is_queued_verbatim(self) -> None:
        payload = b'{"n": 12345678901234567890123, "n": 1.10, "s":"\\u00e9 \xc3\xa9"}'
        with running() as server, server.raw(PATH) as client:
            (answer,) = exchange(client, client_frame(b'{"payload":%b}' % payload))
            assert payloads(server) == [payload]
            assert answer.pop("enqueued_at") == server.queues.peek("a").messages[0].enqueued_at
            assert answer == {"queued": True, "queue_name": "a", "queue_size": 1}

    def test_a_batch_is_acknowledged_with_its_count(self) -> None:
        with running() as server, server.raw(PATH) as client:
            (answer,) = exchange(client, client_frame(b'{"payloads":[1,[2],"3"]}'))
            assert payloads(server) == [b"1", b"[2]", b'"3"']
            assert (answer["queued"], answer["count"], answer["queue_size"]) == (True, 3, 3)

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            (b"", "invalid_json"),
            (b"nonsense", "invalid_json"),
            (b"{}", "missing_payload"),
            (b'{"payloads":[]}', "missing_payload"),
            (b'{"payload":1,"x":2}', "unknown_field"),
            (b'{"payloads":[1,2,3,4,5,6]}', "batch_exceeds_capacity"),
            (b'{"payloads":[1,2,3,4,5]}', "queue_full"),
            (b'{"payloads":[1,2,3,4,5,6,7]}', "batch_too_large"),
        ],
    )
    def test_a_refused_message_ends_nothing(self, text: bytes, code: str) -> None:
        good = client_frame(b'{"payload":1}')
        with running(manager=QueueManager(5), max_batch=6) as server, server.raw(PATH) as client:
            first, refusal, last = exchange(client, good, client_frame(text), good)
            assert (first["queued"], last["queued"]) == (True, True)
            assert refusal["queued"] is False
            assert refusal["error"] == code
            assert refusal["message"]
            assert payloads(server) == [b"1", b"1"]

    def test_so_does_a_binary_one(self) -> None:
        with running() as server, server.raw(PATH) as client:
            refusal, good = exchange(
                client, client_frame(b'{"payload":1}', BINARY), client_frame(b'{"payload":2}')
            )
            assert (refusal["queued"], refusal["error"]) == (False, "invalid_json")
            assert good["queued"]
            assert payloads(server) == [b"2"]

    def test_each_refusal_is_counted_once_by_its_code(self) -> None:
        with running(manager=QueueManager(1)) as server, server.raw(PATH) as client:
            good, bad = client_frame(b'{"payload":1}'), client_frame(b"nonsense")
            exchange(client, good, good, bad, bad, client_frame(b"x", BINARY))
            assert server.operations.refusals.snapshot() == {"queue_full": 1, "invalid_json": 3}

    def test_each_message_is_measured_as_an_enqueue(self) -> None:
        with running() as server, server.raw(PATH) as client:
            exchange(client, *[client_frame(b'{"payload":1}')] * 3)
            counts, _ = server.operations.durations.enqueue.snapshot()
            assert sum(counts) == 3

    def test_while_draining_everything_is_refused(self) -> None:
        manager = QueueManager()
        with running(manager=manager) as server, server.raw(PATH) as client:
            exchange(client, client_frame(b'{"payload":1}'))
            manager.drain()
            (answer,) = exchange(client, client_frame(b'{"payload":2}'))
            assert (answer["queued"], answer["error"]) == (False, "shutting_down")

    def test_what_came_with_the_handshake_is_answered(self) -> None:
        with running() as server, server.raw(PATH, client_frame(b'{"payload":1}')) as client:
            assert client.receive().document["queued"]

    def test_a_deleted_queue_comes_into_being_again(self) -> None:
        with running() as server, server.raw(PATH) as client:
            frame = client_frame(b'{"payload":1}')
            exchange(client, frame)
            server.queues.delete("a")
            (answer,) = exchange(client, frame)
            assert answer["queue_size"] == 1


class TestOrder:
    def test_pipelined_messages_of_all_kinds_are_answered_in_order(self) -> None:
        kinds = [whole, in_fragments, large, batch]
        numbers = range(400)
        with running() as server, server.raw(PATH) as client:
            frames = b"".join(kinds[number % len(kinds)](number) for number in numbers)
            sending = Task(lambda: client.sock.sendall(frames))
            answers = [client.receive().document for _ in numbers]
            sending.result()
            assert [answer["queue_size"] for answer in answers] == [
                number + 1 for number in numbers
            ]
            assert [int(json.loads(p)["n"]) for p in payloads(server)] == list(numbers)

    def test_a_real_client_gets_as_many_answers_as_it_sent_messages(self) -> None:
        with running() as server, server.connect(PATH) as client:
            for number in range(3000):
                client.send(f'{{"payload":{number}}}')
            sizes = [json.loads(client.recv())["queue_size"] for _ in range(3000)]
            assert sizes == list(range(1, 3001))

    def test_a_pong_and_a_close_come_after_the_answers(self) -> None:
        message = client_frame(b'{"payload":1}')
        with running() as server, server.raw(PATH) as client:
            client.send(message, client_frame(b"p", 0x89), message, client_frame(b"", 0x88))
            assert client.receive().document["queue_size"] == 1
            assert client.receive() == (PONG, b"p")
            assert client.receive().document["queue_size"] == 2
            assert client.receive().first == 0x88

    def test_a_binary_message_is_answered_before_the_close_behind_it(self) -> None:
        with running() as server, server.raw(PATH) as client:
            client.send(client_frame(b"x", BINARY), client_frame(close_payload(1000), 0x88))
            assert client.receive().document["error"] == "invalid_json"
            assert client.receive_close() == 1000

    def test_what_was_queued_was_answered_when_the_server_closes_in_a_flood(self) -> None:
        with running() as server, server.raw(PATH) as client:
            Task(lambda: client.send(client_frame(b'{"payload":1}') * 50_000))
            assert client.receive().document["queued"]
            closing = Task(lambda: server.sessions.close_all(5.0))
            answered = 1
            while (frame := client.receive()).first == TEXT:
                assert frame.document["queued"]
                answered += 1
            assert frame.close_code == 1001
            closing.result()
            assert len(payloads(server)) == answered < 50_000

    def test_nothing_is_queued_that_comes_after_a_close(self) -> None:
        message = client_frame(b'{"payload":1}')
        with running() as server, server.raw(PATH) as client:
            client.send(message, client_frame(close_payload(1000), 0x88), message)
            assert client.receive().document["queued"]
            assert client.receive_close() == 1000
            assert payloads(server) == [b"1"]


def document(number: int, filling: int = 0) -> bytes:
    return json.dumps({"n": number, "filling": "\u00fc" * filling}).encode()


def whole(number: int) -> bytes:
    return client_frame(b'{"payload":%b}' % document(number))


def in_fragments(number: int) -> bytes:
    text = b'{"payload":%b}' % document(number)
    return (
        client_frame(text[:5], FRAGMENT)
        + client_frame(b"", 0x8A)
        + client_frame(text[5:9], 0)
        + client_frame(text[9:], LAST)
    )


def large(number: int) -> bytes:
    return client_frame(b'{"payload":%b}' % document(number, 5000), mask=b"\0\0\0\0")


def batch(number: int) -> bytes:
    return client_frame(b'{"payloads":[%b]}' % document(number))


class TestLimits:
    def message(self, size: int) -> bytes:
        return b'{"payload":"%b"}' % (b"x" * (size - 14))

    def test_a_message_of_the_largest_size_is_queued(self) -> None:
        with running(max_message_bytes=1000) as server, server.raw(PATH) as client:
            (answer,) = exchange(client, client_frame(self.message(1000)))
            assert answer["queued"]

    @pytest.mark.parametrize("rest", [1, 1_000_000])
    def test_a_larger_one_ends_the_session_with_1009(self, rest: int) -> None:
        with running(max_message_bytes=1000) as server, server.raw(PATH) as client:
            client.send(client_frame(self.message(20)))
            Task(lambda: client.send(client_frame(self.message(1000 + rest))))
            assert client.receive_close() == 1009
            assert len(payloads(server)) == 1

    def test_its_code_arrives_although_more_was_sent_than_was_read(self) -> None:
        with running(max_message_bytes=1000) as server, server.raw(PATH) as client:
            client.send(client_frame(self.message(100_000)))
            client.sock.shutdown(socket.SHUT_WR)
            wait_until(lambda: server.sessions.open == 0)
            server.threads[0].join(5)  # the socket is closed: were bytes unread, it was reset
            assert client.receive_close() == 1009

    def test_so_does_one_in_fragments(self) -> None:
        with running(max_message_bytes=1000) as server, server.raw(PATH) as client:
            text = self.message(1001)
            client.send(client_frame(text[:600], FRAGMENT), client_frame(text[600:], LAST))
            assert client.receive_close() == 1009

    def test_in_fragments_too_it_is_bytes_that_count(self) -> None:
        text = '{"payload":"' + "\u00fc" * 495 + '"}'  # 509 characters, 1004 bytes
        with running(max_message_bytes=1000) as server, server.raw(PATH) as client:
            encoded = text.encode()
            client.send(client_frame(encoded[:12], FRAGMENT), client_frame(encoded[12:], LAST))
            assert client.receive_close() == 1009

    def test_fragments_without_end_are_bounded(self) -> None:
        with running(max_message_bytes=1000) as server, server.raw(PATH) as client:
            client.send(client_frame(b"x", FRAGMENT))
            client.send(client_frame(b"x", 0) * 2000)
            assert client.receive_close() == 1009

    def test_a_producer_that_takes_no_answers_is_not_read_from_and_then_closed(self) -> None:
        with (
            running(send_seconds=0.2, send_buffer=4096) as server,
            server.raw(PATH, receive_buffer=4096) as client,
        ):
            Task(lambda: client.send(client_frame(b'{"payload":1}') * 200_000))
            wait_until(lambda: server.sessions.open == 0)
            assert server.queues.stats("a").size < 100_000


class TestBrokenRules:
    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            (b"\xc1\x80abcd", 1002),
            (b"\x81\x01a", 1002),
            (b"\x83\x80abcd", 1002),
            (b"\x09\x80abcd", 1002),
            (b"\x89\xfe\x00\x7e", 1002),
            (b"\x80\x80abcd", 1002),
            (b"\x81\xfe\x00\x7dabcd", 1002),
            (client_frame(b"a", FRAGMENT) + client_frame(b"b"), 1002),
            (client_frame(b"\x03", 0x88), 1002),
            (client_frame(close_payload(1005), 0x88), 1002),
            (client_frame(b"\xff"), 1007),
            (client_frame(b'{"payload":"\xed\xa0\x80"}'), 1007),
            (client_frame(b"\xc3", FRAGMENT) + client_frame(b"x", LAST), 1007),
        ],
    )
    def test_the_session_ends_with_the_code_that_fits(self, frame: bytes, code: int) -> None:
        with running() as server, server.raw(PATH) as client:
            good = client_frame(b'{"payload":1}')
            client.send(good, frame, good)
            assert client.receive().document["queued"]
            assert client.receive_close() == code
            assert len(payloads(server)) == 1

    @pytest.mark.parametrize("cut", range(1, 19))
    def test_a_producer_that_vanishes_in_a_frame_leaves_nothing_behind(self, cut: int) -> None:
        with running() as server, server.raw(PATH) as client:
            client.send(client_frame(b'{"payload":1}')[:cut])
            client.reset()
            wait_until(lambda: server.sessions.open == 0)
            assert list(server.queues.all_stats()) == []
