"""Sessions that dequeue: pushed in order, none lost, none taken for a consumer that has gone."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest

from tests.helpers import Task, run_all, wait_until
from tests.websocket.client import RawClient
from tests.websocket.frames import BINARY, CLOSE, PING, PONG, TEXT, client_frame, close_payload
from tests.websocket.server import WebSocketServer, running
from zoldyq.queue import QueueManager

PATH = "/queues/a/dequeue"


def numbers(server: WebSocketServer) -> list[int]:
    """What is queued."""
    return [int(message.payload) for message in server.queues.peek("a", 1_000_000).messages]


def offer(server: WebSocketServer, *values: object) -> None:
    server.queues.enqueue_many("a", [json.dumps(value).encode() for value in values])


def offer_pairs(server: WebSocketServer, total: int) -> None:
    for number in range(0, total, 2):
        offer(server, number, number + 1)


def size(server: WebSocketServer) -> int:
    return server.queues.stats("a").size


class TestPush:
    def test_what_is_there_and_what_comes_is_pushed_one_a_frame(self) -> None:
        with running() as server:
            server.queues.begin_enqueue("a", [b'{"n": 1.10, "n":2}'], at=77)
            with server.raw(PATH) as client:
                expected = b'{"payload":{"n": 1.10, "n":2},"queue_name":"a","enqueued_at":77}'
                assert client.receive() == (TEXT, expected)
                for number in range(3):
                    server.waiting("a")
                    offer(server, number)
                    assert client.receive().document["payload"] == number

    def test_bursts_are_measured_and_told_apart_by_whether_they_were_waited_for(self) -> None:
        with running() as server:
            offer(server, 1)
            with server.raw(PATH) as client:
                assert client.receive().document["payload"] == 1
                server.waiting("a")
                offer(server, 2)
                assert client.receive().document["payload"] == 2
            durations = server.operations.durations
            assert sum(durations.dequeue.snapshot()[0]) == 1
            assert sum(durations.dequeue_waited.snapshot()[0]) == 1

    def test_several_a_frame(self) -> None:
        with running() as server:
            offer(server, *range(25))
            with server.raw(f"{PATH}?count=10") as client:
                documents = [client.receive().document for _ in range(3)]
                assert [document["count"] for document in documents] == [10, 10, 5]
                assert documents[0]["queue_name"] == "a"
                messages = [message for document in documents for message in document["messages"]]
                assert [message["payload"] for message in messages] == list(range(25))
                assert all(message["enqueued_at"] for message in messages)

    def test_a_frame_is_not_held_back_until_it_is_full(self) -> None:
        with running() as server, server.raw(f"{PATH}?count=10") as client:
            server.waiting("a")
            offer(server, 1)
            assert client.receive().document["count"] == 1

    @pytest.mark.parametrize("query", ["", "?count=1", "?count=7", "?count=5000"])
    def test_a_stream_arrives_whole_and_in_order(self, query: str) -> None:
        with running() as server, server.connect(PATH + query) as client:
            producing = Task(lambda: offer_pairs(server, 10_000))
            received: list[int] = []
            while len(received) < 10_000:
                document = json.loads(client.recv(10))
                received += [m["payload"] for m in document.get("messages", [document])]
            producing.result()
            assert received == list(range(10_000))

    def test_a_frame_of_large_messages_stays_below_what_clients_take(self) -> None:
        with running() as server:
            offer(server, *["x" * 100_000] * 20)
            with server.connect(f"{PATH}?count=20") as client:
                got = 0
                while got < 20:
                    got += json.loads(client.recv(10))["count"]

    def test_a_message_larger_than_a_burst_arrives(self) -> None:
        with running() as server:
            offer(server, "x" * 3_000_000)
            with server.connect(PATH, max_size=None) as client:
                assert len(json.loads(client.recv(10))["payload"]) == 3_000_000

    def test_consumers_get_each_message_once(self) -> None:
        with running() as server:
            clients = [server.raw(PATH) for _ in range(3)]
            server.waiting("a", 3)
            for number in range(300):
                offer(server, number)
            shares = run_all([lambda client=client: drain(client) for client in clients])  # type: ignore[misc]
            assert sorted(number for share in shares for number in share) == list(range(300))
            assert all(share == sorted(share) for share in shares)

    def test_the_stream_goes_on_when_its_queue_is_deleted(self) -> None:
        with running() as server, server.raw(PATH) as client:
            server.waiting("a")
            server.queues.delete("a")
            server.waiting("a")
            offer(server, 1)
            assert client.receive().document["payload"] == 1

    def test_an_unknown_name_is_refused_where_queues_are_not_created_on_demand(self) -> None:
        with running(manager=QueueManager(auto_create=False)) as server:
            with server.raw(PATH) as client:
                assert client.status == 404
            server.queues.create("a")
            with server.raw(PATH) as client:
                server.waiting("a")
                server.queues.delete("a")
                assert client.receive().document["error"] == "queue_not_found"
                assert client.receive_close() == 1008
            assert server.operations.refusals.snapshot() == {"queue_not_found": 2}

    def test_waiting_on_a_name_brings_no_queue_into_being(self) -> None:
        with running() as server, server.raw(PATH) as client:
            wait_until(lambda: server.sessions.open == 1)
            client.send(client_frame(close_payload(1000), 0x88))
            assert client.receive_close() == 1000
            assert list(server.queues.all_stats()) == []


def drain(client: RawClient) -> list[int]:
    """Read until nothing has come for a moment."""
    client.sock.settimeout(0.5)
    received = []
    with client:
        try:
            while True:
                received.append(client.receive().document["payload"])
        except TimeoutError:
            return received


class TestConsumersThatLeave:
    def test_nothing_is_taken_after_a_close(self) -> None:
        with running() as server:
            for _ in range(100):
                with server.raw(PATH) as client:
                    server.waiting("a")
                    client.send(client_frame(close_payload(1000), 0x88))
                    assert client.receive().close_code == 1000
                    assert server.queues.stats("a").waiting_consumers == 0

    @pytest.mark.parametrize("query", ["", "?count=10"])
    def test_a_close_in_the_middle_of_a_stream_loses_nothing(self, query: str) -> None:
        total = 5000
        with running(send_buffer=4096) as server:  # so that not all is on its way at once
            offer(server, *([number, "x" * 50] for number in range(total)))
            with server.raw(PATH + query, receive_buffer=4096) as client:
                client.send(client_frame(close_payload(1000), 0x88))
                received = whole_messages(client)
            wait_until(lambda: server.sessions.open == 0)
            kept = [json.loads(m.payload)[0] for m in server.queues.peek("a", total).messages]
            assert received + kept == list(range(total))
            assert kept

    @pytest.mark.parametrize("how", ["close", "reset", "half-close"])
    def test_a_message_right_after_a_hang_up_stays(self, how: str) -> None:
        with running() as server:
            for _ in range(30):
                with server.raw(PATH) as client:
                    server.waiting("a")
                    hang_up(client, how)
                    offer(server, 1)
                    wait_until(lambda: server.sessions.open == 0)
                    assert numbers(server) == [1]
                    server.queues.purge("a")

    @pytest.mark.parametrize("query", ["", "?count=10"])
    @pytest.mark.parametrize("payload", [100, 10_000])
    def test_a_frozen_consumer_is_closed_and_the_rest_goes_back_in_order(
        self, query: str, payload: int
    ) -> None:
        total = 2000
        with running(send_seconds=0.2, send_buffer=4096) as server:
            offer(server, *[[number, "x" * payload] for number in range(total)])
            with server.raw(PATH + query, receive_buffer=4096) as client:
                wait_until(lambda: server.sessions.open == 0)
                received = whole_messages(client)
            kept = [json.loads(m.payload)[0] for m in server.queues.peek("a", total).messages]
            assert received == list(range(len(received)))
            assert kept == list(range(len(received), total))
            assert server.queues.stats("a").put_back_total > 0

    def test_a_slow_consumer_is_not_closed(self) -> None:
        total = 8
        with running(send_seconds=0.6, send_buffer=4096) as server:
            offer(server, *[[number, "x" * 10_000] for number in range(total)])
            with server.raw(PATH, receive_buffer=4096) as client:
                for number in range(total):
                    assert client.receive().document["payload"][0] == number
                    # The slowness itself: the burst takes longer than send_seconds, but the
                    # consumer is never still for so long.
                    time.sleep(0.25)


def hang_up(client: RawClient, how: str) -> None:
    if how == "close":
        client.sock.close()
    elif how == "reset":
        client.reset()
    else:
        client.sock.shutdown(socket.SHUT_WR)


def whole_messages(client: RawClient) -> list[int]:
    """Read up to a close frame or the end, and return the messages of whole frames."""
    received: list[int] = []
    try:
        while (frame := client.receive()).first == TEXT:
            document = frame.document
            received += [m["payload"][0] for m in document.get("messages", [document])]
    except (AssertionError, ConnectionResetError):
        pass  # the last frame was cut
    return received


class TestCredit:
    def test_no_more_is_sent_than_was_granted(self) -> None:
        with running() as server:
            offer(server, *range(10))
            with server.raw(f"{PATH}?credit=2") as client:
                assert take(client, 2) == [0, 1]
                wait_until(lambda: size(server) == 8)
                client.send(client_frame(b'{"credit":3}'))
                assert take(client, 3) == [2, 3, 4]
                client.send(client_frame(b'{"credit":1}'), client_frame(b'{"credit":1}'))
                assert take(client, 2) == [5, 6]
                client.send(client_frame(b"", 0x89))
                assert client.receive().first == 0x8A  # and nothing before it
                assert numbers(server) == [7, 8, 9]

    def test_a_frame_of_several_keeps_to_it_too(self) -> None:
        with running() as server:
            offer(server, *range(10))
            with server.raw(f"{PATH}?count=4&credit=6") as client:
                counts = [client.receive().document["count"] for _ in range(2)]
                assert counts == [4, 2]
                assert size(server) == 4

    def test_a_grant_does_not_cost_the_place_in_line(self) -> None:
        with running() as server, server.raw(f"{PATH}?credit=5") as first:
            server.waiting("a")
            with server.raw(f"{PATH}?credit=5") as second:
                server.waiting("a", 2)
                first.send(client_frame(b'{"credit":1}'), client_frame(b"", 0x89))
                assert first.receive().first == 0x8A  # so the grant was read
                offer(server, 1)
                offer(server, 2)
                assert take(first, 1) == [1]
                assert take(second, 1) == [2]

    def test_a_consumer_without_credit_can_leave(self) -> None:
        with running() as server:
            offer(server, 1, 2)
            with server.raw(f"{PATH}?credit=1") as client:
                assert take(client, 1) == [1]
                client.send(client_frame(close_payload(1000), 0x88))
                assert client.receive_close() == 1000
            assert numbers(server) == [2]


def take(client: RawClient, count: int) -> list[Any]:
    return [client.receive().document["payload"] for _ in range(count)]


def put_back(client: RawClient, count: int) -> Any:
    """Put messages back and return the answer."""
    client.send(client_frame(b'{"put_back":%d}' % count))
    return client.receive().document


class TestPutBack:
    def test_the_last_messages_return_to_the_head_in_order(self) -> None:
        with running() as server:
            offer(server, *range(10))
            with server.raw(f"{PATH}?credit=5") as client:
                assert take(client, 5) == [0, 1, 2, 3, 4]
                assert put_back(client, 3) == {"put_back": 3}
                assert numbers(server) == [2, 3, 4, 5, 6, 7, 8, 9]
                assert server.queues.stats("a").put_back_total == 3

    def test_it_gives_no_credit_back(self) -> None:
        with running() as server:
            offer(server, *range(4))
            with server.raw(f"{PATH}?credit=2") as client:
                assert take(client, 2) == [0, 1]
                assert put_back(client, 2) == {"put_back": 2}
                client.send(client_frame(b"", PING))
                assert client.receive().first == PONG  # and no message before it
                client.send(client_frame(b'{"credit":1}'))
                assert take(client, 1) == [0]

    def test_with_credit_left_the_session_gets_them_again_behind_the_answer(self) -> None:
        with running() as server:
            offer(server, 1)
            with server.raw(f"{PATH}?credit=3") as client:
                assert take(client, 1) == [1]
                server.waiting("a")
                assert put_back(client, 1) == {"put_back": 1}
                assert take(client, 1) == [1]

    def test_what_was_put_back_no_longer_counts_as_sent(self) -> None:
        with running() as server:
            offer(server, *range(3))
            with server.raw(f"{PATH}?credit=3") as client:
                assert take(client, 3) == [0, 1, 2]
                assert put_back(client, 2) == {"put_back": 2}
                assert put_back(client, 1) == {"put_back": 1}
                assert numbers(server) == [0, 1, 2]
                assert put_back(client, 1)["outstanding"] == 0

    def test_a_grant_settles_as_many_of_the_oldest(self) -> None:
        with running() as server:
            offer(server, *range(3))
            with server.raw(f"{PATH}?credit=3") as client:
                assert take(client, 3) == [0, 1, 2]
                client.send(client_frame(b'{"credit":2}'))
                assert put_back(client, 2)["outstanding"] == 1
                client.send(client_frame(close_payload(1000), CLOSE))
                assert client.receive_close() == 1000
            assert numbers(server) == []

    def test_more_than_is_outstanding_is_refused_and_changes_nothing(self) -> None:
        with running() as server:
            offer(server, *range(3))
            with server.raw(f"{PATH}?credit=2") as client:
                assert take(client, 2) == [0, 1]
                refusal = put_back(client, 3)
                assert (refusal["error"], refusal["outstanding"]) == ("invalid_count", 2)
                assert numbers(server) == [2]
                assert put_back(client, 2) == {"put_back": 2}

    def test_frames_of_several_messages_count_messages(self) -> None:
        with running() as server:
            offer(server, *range(6))
            with server.raw(f"{PATH}?credit=5&count=4") as client:
                assert [client.receive().document["count"] for _ in range(2)] == [4, 1]
                assert put_back(client, 3) == {"put_back": 3}
                assert numbers(server) == [2, 3, 4, 5]

    def test_in_front_of_a_close_it_needs_no_answer(self) -> None:
        with running() as server:
            offer(server, *range(3))
            with server.raw(f"{PATH}?credit=3") as client:
                assert take(client, 3) == [0, 1, 2]
                frames = (client_frame(b'{"put_back":2}'), client_frame(close_payload(1000), CLOSE))
                client.send(*frames)
                assert client.receive().document == {"put_back": 2}
                assert client.receive_close() == 1000
            assert numbers(server) == [1, 2]

    def test_a_consumer_that_waits_gets_what_another_puts_back(self) -> None:
        with running() as server, server.raw(f"{PATH}?credit=1") as first:
            server.waiting("a")
            offer(server, 1)
            assert take(first, 1) == [1]
            with server.raw(PATH) as second:
                server.waiting("a")
                assert put_back(first, 1) == {"put_back": 1}
                assert take(second, 1) == [1]

    def test_while_draining_it_still_returns_to_the_queue(self) -> None:
        manager = QueueManager()
        with running(manager=manager) as server:
            offer(server, *range(3))
            with server.raw(f"{PATH}?credit=2") as client:
                assert take(client, 2) == [0, 1]
                manager.drain()
                assert put_back(client, 2) == {"put_back": 2}
                assert numbers(server) == [0, 1, 2]

    def test_a_consumer_that_stops_is_sent_nothing_more_until_it_grants(self) -> None:
        with running() as server:
            offer(server, *range(3))
            with server.raw(f"{PATH}?credit=10") as client:
                assert take(client, 3) == [0, 1, 2]
                server.waiting("a")
                client.send(client_frame(b'{"put_back":2,"stop":true}'))
                assert client.receive().document == {"put_back": 2}
                offer(server, 3)
                client.send(client_frame(b'{"put_back":0,"stop":true}'))
                assert client.receive().document == {"put_back": 0}  # and no message before it
                assert numbers(server) == [1, 2, 3]
                client.send(client_frame(b'{"credit":1}'))
                assert take(client, 1) == [1]

    def test_a_consumer_that_stops_has_left_the_line(self) -> None:
        with running() as server, server.raw(f"{PATH}?credit=1") as client:
            server.waiting("a")
            client.send(client_frame(b'{"put_back":0,"stop":true}'))
            assert client.receive().document == {"put_back": 0}
            assert server.queues.stats("a").waiting_consumers == 0

    def test_a_stop_that_returns_too_many_is_refused_and_changes_nothing(self) -> None:
        with running() as server, server.raw(f"{PATH}?credit=1") as client:
            server.waiting("a")
            client.send(client_frame(b'{"put_back":1,"stop":true}'))
            assert client.receive().document["outstanding"] == 0
            offer(server, 1)
            assert take(client, 1) == [1]

    def test_a_stream_without_credit_has_nothing_to_put_back(self) -> None:
        with running() as server, server.raw(PATH) as client:
            refusal = put_back(client, 1)
            assert (refusal["error"], refusal["field"]) == ("unknown_field", "put_back")

    def test_a_consumer_that_dies_keeps_what_it_was_sent(self) -> None:
        with running() as server:
            offer(server, *range(3))
            with server.raw(f"{PATH}?credit=2") as client:
                assert take(client, 2) == [0, 1]
                client.reset()
                wait_until(lambda: server.sessions.open == 0)
            assert numbers(server) == [2]


class TestBadFrames:
    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            (client_frame(b"nonsense"), "invalid_json"),
            (client_frame(b'{"credit":0}'), "invalid_count"),
            (client_frame(b'{"credit":1000000000}'), "invalid_count"),
            (client_frame(b'{"credit":1,"x":1}'), "unknown_field"),
            (client_frame(b'{"credit":1}', BINARY), "invalid_json"),
        ],
    )
    def test_they_are_answered_and_end_nothing(self, frame: bytes, code: str) -> None:
        with running() as server, server.raw(f"{PATH}?credit=1") as client:
            client.send(frame)
            answer = client.receive().document
            assert answer["error"] == code
            assert answer["message"]
            offer(server, 1)
            assert take(client, 1) == [1]

    def test_a_grant_without_a_limit_is_one_of_them(self) -> None:
        with running() as server, server.raw(PATH) as client:
            client.send(client_frame(b'{"credit":1}'))
            assert client.receive().document["error"] == "unknown_field"

    def test_each_is_counted_once_by_its_code(self) -> None:
        with running() as server, server.raw(f"{PATH}?credit=1") as client:
            bad = [client_frame(b"x"), client_frame(b"x", BINARY), client_frame(b'{"put_back":1}')]
            client.send(*bad)
            for _ in bad:
                assert client.receive().document["error"]
            counted = server.operations.refusals.snapshot()
            assert counted == {"invalid_json": 2, "invalid_count": 1}

    def test_a_flood_of_them_ends_the_session(self) -> None:
        with running() as server, server.raw(PATH) as client:
            client.send(client_frame(b"x") * 150)
            assert client.receive_close() == 1008

    def test_a_grant_between_them_forgives_those_before(self) -> None:
        bad = client_frame(b"x") * 80
        with running() as server, server.raw(f"{PATH}?credit=1") as client:
            client.send(bad, client_frame(b'{"credit":1}'), bad)
            assert {client.receive().document["error"] for _ in range(160)} == {"invalid_json"}
            offer(server, 1, 2)
            assert take(client, 2) == [1, 2]

    def test_a_message_over_the_limit_ends_it_with_1009(self) -> None:
        with running(max_message_bytes=100) as server, server.raw(PATH) as client:
            client.send(client_frame(b"x" * 101))
            assert client.receive_close() == 1009


class TestDraining:
    def test_a_stream_goes_on_until_its_queue_is_empty(self) -> None:
        manager = QueueManager()
        with running(manager=manager) as server:
            offer(server, *range(5))
            with server.raw(f"{PATH}?credit=2") as client:
                assert take(client, 2) == [0, 1]
                manager.drain()
                client.send(client_frame(b'{"credit":10}'))
                assert take(client, 3) == [2, 3, 4]
                assert client.receive_close() == 1001
            wait_until(lambda: server.sessions.open == 0)

    def test_one_that_waits_is_closed_at_once(self) -> None:
        manager = QueueManager()
        with running(manager=manager) as server, server.raw(PATH) as client:
            server.waiting("a")
            manager.drain()
            assert client.receive_close() == 1001
