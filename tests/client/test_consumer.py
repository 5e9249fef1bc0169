"""Streams of messages: order, credit, limits, ends, and connections that break."""

from __future__ import annotations

import gc
import itertools
import json
import signal

import pytest

from tests.client.websocket_peer import CLOSE, TEXT, Peer, frame
from tests.helpers import Task, wait_until
from zoldyq.client import Client, ConnectionFailed
from zoldyq.client.consumer import Consumer
from zoldyq.contract.errors import InvalidCount, InvalidQueueName


def payloads(consumer: Consumer, count: int | None = None) -> list[object]:
    return [message.payload for message in itertools.islice(consumer, count)]


def batch(*values: object) -> bytes:
    messages = [{"payload": value, "enqueued_at": 1} for value in values]
    return frame(TEXT, json.dumps({"messages": messages}).encode())


@pytest.mark.parametrize("credit", [1, 2, 7, 1_000])
def test_messages_come_in_order_and_the_limit_takes_no_more(queue, credit):
    queue.enqueue_many(range(500))
    with queue.consume(credit=credit, limit=300) as stream:
        assert payloads(stream) == list(range(300))
        assert payloads(stream) == []
    assert queue.stats().size == 200


def test_messages_are_awaited(queue):
    with queue.consume(limit=2) as stream:
        receiving = Task(lambda: payloads(stream))
        queue.enqueue(0)
        wait_until(lambda: queue.stats().size == 0)
        queue.enqueue(1)
        assert receiving.result() == [0, 1]


def test_a_message_has_its_text_and_time(queue):
    receipt = queue.enqueue_raw("[1.10]")
    message = next(queue.consume(limit=1))
    assert (message.raw, message.enqueued_at) == (b"[1.10]", receipt.enqueued_at)


@pytest.mark.parametrize("credit", [1, 10])
def test_a_slow_consumer_holds_no_more_than_its_credit(queue, credit):
    queue.enqueue_many(range(100))
    with queue.consume(credit=credit) as stream:
        for used in range(1, 20):
            assert next(stream).payload == used - 1
            held = 100 - used - queue.stats().size
            assert 0 <= held <= credit


def test_closing_ends_a_stream_that_waits(queue):
    queue.create(10)
    stream = queue.consume()
    receiving = Task(lambda: payloads(stream))
    wait_until(lambda: queue.stats().waiting_consumers == 1)
    stream.close()
    assert receiving.result() == []
    wait_until(lambda: queue.stats().waiting_consumers == 0)
    assert payloads(stream) == []


def test_what_is_on_its_way_when_a_stream_is_closed_is_not_lost(queue):
    queue.enqueue_many(range(1_000))
    with queue.consume(credit=200) as stream:
        first = payloads(stream, 10)
        stream.close()
        rest = payloads(stream)
    taken = first + rest
    assert taken == list(range(len(taken)))
    assert len(taken) + queue.stats().size == 1_000


def test_a_stream_that_was_dropped_ends_its_connection(queue):
    queue.enqueue(1)
    stream = queue.consume()
    next(stream)
    wait_until(lambda: queue.stats().waiting_consumers == 1)
    del stream
    gc.collect()
    wait_until(lambda: queue.stats().waiting_consumers == 0)


def test_a_closed_stream_does_not_connect():
    stream = Client("http://127.0.0.1:1").queue("a").consume()
    stream.close()
    assert payloads(stream) == []


def test_a_server_that_is_not_there_is_told():
    with pytest.raises(ConnectionFailed):
        next(Client("http://127.0.0.1:1", connect_timeout=0.2).queue("a").consume())


def test_what_the_server_refuses_is_told(client, queue):
    with pytest.raises(InvalidCount):
        next(queue.consume(credit=10_000_000))
    with pytest.raises(InvalidQueueName):
        next(client.queue("-").consume())


def test_it_comes_back_with_the_server(start_server):
    first = start_server()
    queue = Client(first.url).queue("a")
    queue.enqueue(1)
    with queue.consume() as stream:
        assert next(stream).payload == 1
        waiting = Task(lambda: next(stream).payload)
        first.signal(signal.SIGKILL)
        first.exit_code()
        start_server(port=first.port)
        queue.enqueue(2, timeout=10)
        assert waiting.result() == 2


def test_a_server_that_stays_away_is_given_up_after_the_time_allowed(start_server):
    server = start_server()
    queue = Client(server.url).queue("a")
    queue.enqueue(1)
    with queue.consume(reconnect_seconds=0.2) as stream:
        assert next(stream).payload == 1
        server.stop()
        with pytest.raises(ConnectionFailed):
            next(stream)


def test_a_stream_that_looks_for_its_server_can_be_closed(start_server):
    server = start_server()
    queue = Client(server.url).queue("a")
    queue.enqueue(1)
    stream = queue.consume()
    assert next(stream).payload == 1
    server.stop()
    searching = Task(lambda: payloads(stream))
    stream.close()
    assert searching.result() == []


def test_what_came_before_a_break_is_handed_out_and_then_new_credit_is_asked_for():
    with Peer() as peer:
        stream = Client(peer.url).queue("a").consume(credit=3, limit=4)
        receiving = Task(lambda: payloads(stream))
        assert b"/queues/a/dequeue?credit=3&count=3 " in peer.accept(batch(1, 2))
        peer.hang_up()
        assert b"?credit=2&count=2 " in peer.accept(batch(3, 4))
        assert receiving.result() == [1, 2, 3, 4]


def test_used_messages_are_granted_anew_several_at_once():
    with Peer() as peer:
        stream = Client(peer.url).queue("a").consume(credit=4)
        receiving = Task(lambda: payloads(stream, 7))
        peer.accept(batch(1, 2, 3, 4))
        assert peer.receive() == (TEXT, b'{"credit":2}')
        assert peer.receive() == (TEXT, b'{"credit":2}')
        peer.send(batch(5, 6, 7, 8))
        assert receiving.result() == [1, 2, 3, 4, 5, 6, 7]
        stream.close()
        peer.send(frame(CLOSE, b""))


def test_an_error_in_the_stream_is_raised():
    with Peer() as peer:
        stream = Client(peer.url).queue("a").consume()
        receiving = Task(lambda: next(stream))
        peer.accept(frame(TEXT, b'{"error":"invalid_count","message":"m"}'))
        with pytest.raises(InvalidCount):
            receiving.result()
        stream.close()
