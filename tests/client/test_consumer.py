"""Streams of messages: order, credit, limits, ends, and connections that break."""

from __future__ import annotations

import gc
import itertools
import json
import re
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable

import pytest

from tests.client.children import in_child
from tests.client.scripted import ScriptedServer, reply
from tests.helpers import Task, run_all, wait_until
from tests.websocket.frames import CLOSE, TEXT, server_frame
from tests.websocket.peer import Peer
from zoldyq.client import (
    ConnectionFailed,
    Consumer,
    GatewayReply,
    InvalidOption,
    Message,
    RemoteQueue,
)
from zoldyq.contract.errors import InvalidCount, InvalidTimeout


def payloads(consumer: Iterable[Message], count: int | None = None) -> list[object]:
    return [message.payload for message in itertools.islice(consumer, count)]


def batch(*values: object) -> bytes:
    messages = [{"payload": value, "enqueued_at": 1} for value in values]
    return server_frame(json.dumps({"messages": messages}).encode())


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


def numbers(queue: RemoteQueue) -> list[object]:
    """What is in a queue; takes nothing."""
    return [message.payload for message in queue.peek(10_000)] if queue.stats().size else []


def leave_by_break(queue):
    with queue.consume() as stream:
        for _ in itertools.islice(stream, 3):
            pass


def leave_by_break_without_a_block(queue):
    for message in queue.consume():
        if message.payload == 2:
            break


def leave_by_an_exception(queue):
    def work():
        with queue.consume() as stream:
            for message in stream:
                if message.payload == 2:
                    raise KeyError("mine")

    with pytest.raises(KeyError):
        work()


def leave_by_an_exception_without_a_block(queue):
    def work():
        for message in queue.consume():
            if message.payload == 2:
                raise KeyError("mine")

    with pytest.raises(KeyError):
        work()
    gc.collect()


def leave_by_the_limit(queue):
    assert payloads(queue.consume(limit=3)) == [0, 1, 2]


def leave_by_closing_in_the_loop(queue):
    stream = queue.consume()
    for message in stream:
        if message.payload == 2:
            stream.close()


def leave_by_a_generator(queue):
    def generator():
        yield from queue.consume()

    assert payloads(generator(), 3) == [0, 1, 2]
    gc.collect()


def leave_in_a_cycle(queue):
    stream = queue.consume()
    assert payloads(stream, 3) == [0, 1, 2]
    cycle = [stream]
    cycle.append(cycle)
    del stream, cycle
    gc.collect()


@pytest.mark.parametrize(
    "leave",
    [
        leave_by_break,
        leave_by_break_without_a_block,
        leave_by_an_exception,
        leave_by_an_exception_without_a_block,
        leave_by_the_limit,
        leave_by_closing_in_the_loop,
        leave_by_a_generator,
        leave_in_a_cycle,
    ],
)
@pytest.mark.parametrize("count", [3, 4, 30, 1_000])
def test_what_was_fetched_ahead_returns_to_the_queue_in_order(queue, leave, count):
    queue.enqueue_many(range(count))
    leave(queue)
    # With asyncio, what was dropped is put back as soon as the event loop gets to it.
    wait_until(lambda: numbers(queue) == list(range(3, count)))
    wait_until(lambda: queue.stats().waiting_consumers == 0)


def test_a_stream_that_ends_while_messages_come_loses_none_and_keeps_their_order(queue):
    stopping = threading.Event()

    def send() -> int:
        sent = 0
        while not stopping.is_set():
            queue.enqueue(sent)
            sent += 1
        return sent

    sending = Task(send)
    taken: list[object] = []
    for count in range(60):
        with queue.consume(credit=8) as stream:
            taken += payloads(stream, 1 + count % 5)
    stopping.set()
    sent = sending.result()
    assert taken + numbers(queue) == list(range(sent))


def test_several_consumers_that_come_and_go_lose_nothing(queue):
    queue.enqueue_many(range(2_000))

    def work() -> list[object]:
        taken: list[object] = []
        while True:
            with queue.consume(credit=16, idle_timeout=0.3) as stream:
                some = payloads(stream, 40)
            taken += some
            if not some:
                return taken

    parts = run_all([work] * 3)
    assert sorted(itertools.chain.from_iterable(parts)) == list(range(2_000))


def test_a_stream_ends_by_itself_when_nothing_comes(queue):
    queue.enqueue_many(range(3))
    began = time.monotonic()
    assert payloads(queue.consume(idle_timeout=0.3)) == [0, 1, 2]
    assert 0.3 <= time.monotonic() - began < 10


def test_the_idle_time_begins_anew_with_each_message(queue):
    queue.create(10)
    receiving = Task(lambda: payloads(queue.consume(idle_timeout=1.0)))
    for number in range(8):
        time.sleep(0.2)  # longer in all than the idle time
        queue.enqueue(number)
    assert receiving.result() == list(range(8))


def test_closing_from_another_thread_puts_back_what_is_held(queue):
    queue.enqueue_many(range(100))
    stream = queue.consume()
    assert payloads(stream, 5) == list(range(5))
    Task(stream.close).result()
    assert payloads(stream) == []
    assert numbers(queue) == list(range(5, 100))


SIGNALLED = """
import os, signal, sys
from zoldyq import Client

stream = Client(sys.argv[1]).queue(sys.argv[2]).consume()
signal.signal(signal.SIGTERM, lambda *_: stream.close())
for message in stream:
    print(message.payload, flush=True)
    if message.payload == 9 and sys.argv[3] == "busy":
        os.kill(os.getpid(), signal.SIGTERM)
print("ended", flush=True)
"""


@pytest.mark.threads_only
@pytest.mark.parametrize("way", ["busy", "waiting"])
def test_a_signal_handler_may_close_the_stream_that_it_interrupts(queue, client, way):
    queue.enqueue_many(range(10 if way == "waiting" else 100))
    program = subprocess.Popen(
        [sys.executable, "-c", SIGNALLED, client.url, queue.name, way],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with program:
        lines = [program.stdout.readline().strip() for _ in range(10)]
        if way == "waiting":
            wait_until(lambda: queue.stats().waiting_consumers == 1)
            program.send_signal(signal.SIGTERM)
        rest, _ = program.communicate(timeout=20)
    assert lines == [str(number) for number in range(10)]
    assert (rest, program.returncode) == ("ended\n", 0)
    assert numbers(queue) == list(range(10, 10 if way == "waiting" else 100))


@pytest.mark.threads_only
def test_a_stopped_stream_hands_nothing_out_and_keeps_what_it_holds_until_it_is_closed(queue):
    queue.enqueue_many(range(20))
    stream = queue.consume()
    assert next(stream).payload == 0
    stream.stop()
    assert stream.poll(0) is None
    assert queue.stats().size < 19
    stream.close()
    assert numbers(queue) == list(range(1, 20))


FORGETFUL = """
import sys
from zoldyq import Client

stream = Client(sys.argv[1]).queue(sys.argv[2]).consume()
print(next(stream).payload)
"""


@pytest.mark.threads_only
def test_the_end_of_the_program_puts_back_what_is_held(queue, client):
    queue.enqueue_many(range(50))
    command = [sys.executable, "-c", FORGETFUL, client.url, queue.name]
    done = subprocess.run(command, check=True, timeout=40, stdout=subprocess.PIPE, text=True)
    assert done.stdout == "0\n"
    assert numbers(queue) == list(range(1, 50))


@pytest.mark.threads_only
def test_a_child_has_a_stream_of_its_own_and_leaves_its_parents_alone(queue):
    queue.enqueue_many(range(20))
    stream = queue.consume(credit=5)
    assert next(stream).payload == 0
    wait_until(lambda: queue.stats().size == 15)
    in_child(lambda: check_in_child(stream))
    in_child(stream.close)
    in_child(lambda: None)
    assert payloads(stream, 6) == [1, 2, 3, 4, 6, 7]
    stream.close()
    assert numbers(queue) == list(range(8, 20))


def check_in_child(stream: Consumer) -> None:
    assert next(stream).payload == 5
    stream.close()


def test_a_stream_that_was_dropped_ends_its_connection(queue):
    queue.enqueue(1)
    stream = queue.consume()
    next(stream)
    wait_until(lambda: queue.stats().waiting_consumers == 1)
    del stream
    gc.collect()
    wait_until(lambda: queue.stats().waiting_consumers == 0)


def test_a_closed_stream_does_not_connect(connect):
    stream = connect("http://127.0.0.1:1").queue("a").consume()
    stream.close()
    assert payloads(stream) == []


@pytest.mark.parametrize("take", [next, lambda stream: stream.poll(0.01)])
def test_a_server_that_is_not_there_is_told_after_the_time_to_connect(connect, take, caplog):
    with pytest.raises(ConnectionFailed):
        take(connect("http://127.0.0.1:1", connect_timeout=0.2).queue("a").consume())
    assert "trying again" in caplog.text


@pytest.mark.parametrize("take", [next, lambda stream: stream.poll(0.01)])
def test_so_is_one_that_a_gateway_does_not_reach(connect, take, caplog):
    bad = reply(502, b"<html>bad gateway</html>", "Connection: close")
    with ScriptedServer(*[bad] * 50) as server:
        stream = connect(server.url, connect_timeout=0.2).queue("a").consume()
        with pytest.raises(GatewayReply):
            take(stream)
        assert len(server.requests) > 1
    assert "trying again" in caplog.text


def test_what_the_server_refuses_is_told(client, queue):
    with pytest.raises(InvalidCount):
        next(queue.consume(credit=10_000_000))


def test_it_comes_back_with_the_server(connect, start_server):
    first = start_server()
    queue = connect(first.url).queue("a")
    queue.enqueue(1)
    with queue.consume() as stream:
        assert next(stream).payload == 1
        waiting = Task(lambda: next(stream).payload)
        first.signal(signal.SIGKILL)
        first.exit_code()
        start_server(port=first.port)
        queue.enqueue(2, timeout=10)
        assert waiting.result() == 2


def test_a_server_that_stays_away_is_given_up_after_the_time_allowed(connect, start_server):
    server = start_server()
    queue = connect(server.url).queue("a")
    queue.enqueue(1)
    with queue.consume(reconnect_seconds=0.2) as stream:
        assert next(stream).payload == 1
        server.stop()
        with pytest.raises(ConnectionFailed):
            next(stream)


def test_a_stream_that_looks_for_its_server_can_be_closed(connect, start_server):
    server = start_server()
    queue = connect(server.url).queue("a")
    queue.enqueue(1)
    stream = queue.consume()
    assert next(stream).payload == 1
    server.stop()
    searching = Task(lambda: payloads(stream))
    stream.close()
    assert searching.result() == []


def test_what_came_before_a_break_is_handed_out_and_then_new_credit_is_asked_for(connect):
    with Peer() as peer:
        stream = connect(peer.url).queue("a").consume(credit=3, limit=4)
        receiving = Task(lambda: payloads(stream))
        assert b"/queues/a/dequeue?credit=3&count=3 " in peer.accept(batch(1, 2))
        peer.hang_up()
        assert b"?credit=2&count=2 " in peer.accept(batch(3, 4))
        assert receiving.result() == [1, 2, 3, 4]


def test_used_messages_are_granted_anew_several_at_once(connect):
    with Peer() as peer:
        stream = connect(peer.url).queue("a").consume(credit=4)
        receiving = Task(lambda: payloads(stream, 7))
        peer.accept(batch(1, 2, 3, 4))
        assert peer.receive() == (TEXT, b'{"credit":2}')
        assert peer.receive() == (TEXT, b'{"credit":2}')
        peer.send(batch(5, 6, 7, 8))
        assert receiving.result() == [1, 2, 3, 4, 5, 6, 7]
        assert peer.receive() == (TEXT, b'{"credit":2}')
        closing = Task(stream.close)
        assert answer_put_back(peer) == [b'{"put_back":1,"stop":true}']
        closing.result()


def answer_put_back(peer: Peer, *before: bytes) -> list[bytes]:
    """Answer put-backs until the client says goodbye; return what it asked for."""
    asked: list[bytes] = []
    frames = list(before)
    while True:
        opcode, text = peer.receive()
        if opcode == CLOSE:
            return asked
        asked.append(text)
        (count,) = re.findall(rb'^{"put_back":([0-9]+),"stop":true}$', text)
        peer.send(*frames, server_frame(b'{"put_back":%b}' % count))
        frames.clear()


def test_what_is_on_its_way_at_the_end_is_put_back_in_a_second_round(connect):
    with Peer() as peer:
        stream = connect(peer.url).queue("a").consume(credit=9)
        receiving = Task(lambda: payloads(stream, 1))
        peer.accept(batch(1, 2, 3))
        assert receiving.result() == [1]
        closing = Task(stream.close)
        assert answer_put_back(peer, batch(4), batch(5)) == [
            b'{"put_back":2,"stop":true}',
            b'{"put_back":2,"stop":true}',
        ]
        closing.result()
        assert stream.leftover == ()


def test_a_server_that_keeps_fewer_messages_for_this_gets_those(connect):
    with Peer() as peer:
        stream = connect(peer.url).queue("a").consume(credit=4)
        receiving = Task(lambda: payloads(stream, 1))
        peer.accept(batch(1, 2, 3, 4))
        assert receiving.result() == [1]
        closing = Task(stream.close)
        assert peer.receive() == (TEXT, b'{"put_back":3,"stop":true}')
        refusal = b'{"error":"invalid_count","message":"m","outstanding":2}'
        peer.send(server_frame(refusal))
        assert answer_put_back(peer) == [b'{"put_back":2,"stop":true}']
        closing.result()
        assert [message.payload for message in stream.leftover] == [2]


@pytest.mark.parametrize("trouble", ["silent", "broken", "old"])
def test_what_cannot_be_put_back_is_left_to_the_program_and_logged(connect, trouble, caplog):
    with Peer() as peer:
        stream = connect(peer.url, connect_timeout=0.5).queue("a").consume(credit=4)
        receiving = Task(lambda: payloads(stream, 1))
        peer.accept(batch(1, 2, 3, 4))
        assert receiving.result() == [1]
        closing = Task(stream.close)
        assert peer.receive() == (TEXT, b'{"put_back":3,"stop":true}')
        if trouble == "broken":
            peer.hang_up()
        elif trouble == "old":
            peer.send(server_frame(b'{"error":"unknown_field","message":"m"}'))
        closing.result()
        assert [message.payload for message in stream.leftover] == [2, 3, 4]
        assert payloads(stream) == []
    assert "3 messages could not be put back" in caplog.text


def test_a_gateway_without_its_server_ends_no_stream(connect, caplog):
    pages = [reply(status, b"<html>") for status in (502, 503, 504, 404, 200)]
    with Peer() as peer:
        stream = connect(peer.url).queue("a").consume(limit=2)
        receiving = Task(lambda: payloads(stream))
        peer.accept(batch(1))
        peer.hang_up()
        for page in pages:
            peer.read_request()
            peer.send(page)
        peer.accept(batch(2))
        assert receiving.result() == [1, 2]
    assert "502" in caplog.text


def test_sessions_that_end_at_once_are_not_asked_for_ten_times_a_second(connect):
    with Peer() as peer:
        stream = connect(peer.url).queue("a").consume()
        receiving = Task(lambda: payloads(stream))
        times = []
        for _ in range(5):
            peer.accept()
            times.append(time.monotonic())
            peer.hang_up()
        stream.close()
        assert receiving.result() == []
    assert times[-1] - times[-2] > 0.3  # 0.8 s, or half of it


def test_a_message_makes_the_pauses_short_again(connect):
    with Peer() as peer:
        stream = connect(peer.url).queue("a").consume()
        receiving = Task(lambda: payloads(stream))
        began = time.monotonic()
        for number in range(8):
            peer.accept(batch(number))
            peer.hang_up()
        assert time.monotonic() - began < 5  # not 0.1 + 0.2 + ... + 5
        stream.close()
        assert set(receiving.result()) <= set(range(8))


def test_reconnecting_is_told_in_the_log(connect, caplog):
    caplog.set_level("INFO", "zoldyq.client")
    with Peer() as peer:
        stream = connect(peer.url).queue("jobs").consume(limit=2)
        receiving = Task(lambda: payloads(stream))
        peer.accept(batch(1))
        peer.send(server_frame(struct.pack("!H", 1001) + b"shutting down", CLOSE))
        peer.accept(batch(2))
        assert receiving.result() == [1, 2]
        url = peer.url
    lost, again = [record.getMessage() for record in caplog.records]
    assert lost.startswith(f"jobs: lost the connection to {url}:")
    assert "1001 shutting down" in lost
    assert again.startswith("jobs: connected again")


@pytest.mark.parametrize(
    "options",
    [{"credit": 0}, {"credit": 1.5}, {"limit": -1}, {"idle_timeout": float("nan")},
     {"reconnect_seconds": "long"}],
)  # fmt: skip
def test_parameters_out_of_range_are_refused_at_once(queue, options):
    with pytest.raises((InvalidOption, InvalidTimeout)):
        queue.consume(**options)


def test_an_error_in_the_stream_is_raised(connect):
    with Peer() as peer:
        stream = connect(peer.url).queue("a").consume()
        receiving = Task(lambda: next(stream))
        peer.accept(server_frame(b'{"error":"invalid_count","message":"m"}'))
        with pytest.raises(InvalidCount):
            receiving.result()
        peer.hang_up()
        stream.close()


def test_poll_goes_on_after_a_time_without_messages(queue):
    with queue.consume(credit=2, limit=2) as consumer:
        queue.enqueue(1)
        assert consumer.poll(20).payload == 1
        assert consumer.poll(0.01) is None
        assert not consumer.over
        queue.enqueue(2)
        assert consumer.poll(20).payload == 2
        assert consumer.over
        assert consumer.poll(20) is None


@pytest.mark.parametrize("kept", [0, 1, 3, 4])
def test_messages_that_are_kept_can_be_put_back(queue, kept):
    queue.enqueue_many(range(10))
    consumer = queue.consume(credit=5)
    taken = []
    while len(taken) < 4:
        taken.append(consumer.poll(20, keep=min(kept, len(taken))))
    unused = taken[len(taken) - kept :]
    consumer.close_and_put_back(unused)
    assert consumer.leftover == ()
    assert [message.payload for message in queue.dequeue_many(10)] == list(range(4 - kept, 10))


def test_no_more_come_than_the_credit_while_messages_are_kept(queue):
    queue.enqueue_many(range(10))
    with queue.consume(credit=2) as consumer:
        first = consumer.poll(20)
        second = consumer.poll(20, keep=1)
        assert consumer.poll(0.1, keep=2) is None
        assert queue.stats().size == 8
        assert consumer.poll(20, keep=1).payload == 2
        consumer.close()
    assert [first.payload, second.payload] == [0, 1]
    assert [message.payload for message in queue.dequeue_many(10)] == list(range(3, 10))


def test_the_last_message_of_a_limit_can_be_put_back(queue):
    queue.enqueue_many(range(3))
    consumer = queue.consume(credit=8, limit=1)
    message = consumer.poll(20)
    consumer.close_and_put_back([message])
    assert [message.payload for message in queue.dequeue_many(10)] == [0, 1, 2]
