"""The buffering producer: when batches leave, order, back-pressure, and failures."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.helpers import Task, run_all, wait_until
from zoldyq.client import Client, ClientError, ConnectionFailed, MessagesUnsent, Producer
from zoldyq.contract.errors import InvalidJson, QueueFull

LONG = 60.0


class Sink:
    """Takes batches, and holds them up while ``open`` is not set."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []
        self.open = threading.Event()
        self.open.set()

    def __call__(self, payloads: Sequence[bytes]) -> int:
        assert self.open.wait(20)
        self.batches.append(list(payloads))
        return len(payloads)


@contextmanager
def producing(
    sink: Sink, max_messages: int = 3, max_bytes: int = 1_000, max_delay: float = LONG
) -> Iterator[Producer]:
    with Producer(
        sink, max_messages=max_messages, max_bytes=max_bytes, max_delay=max_delay
    ) as producer:
        yield producer


def test_a_batch_leaves_once_it_has_enough_messages():
    sink = Sink()
    with producing(sink) as producer:
        for number in range(7):
            producer.send(number)
        wait_until(lambda: len(sink.batches) == 2)
        assert sink.batches == [[b"0", b"1", b"2"], [b"3", b"4", b"5"]]
    assert sink.batches[2:] == [[b"6"]]


def test_a_batch_leaves_before_it_has_too_many_bytes():
    sink = Sink()
    with producing(sink, max_messages=100, max_bytes=10) as producer:
        for size in (4, 4, 4, 50, 1):
            producer.send_raw("1" * size)
        producer.flush()
        assert [list(map(len, batch)) for batch in sink.batches] == [[4, 4], [4], [50], [1]]


def test_a_batch_leaves_when_its_first_message_is_old_enough():
    sink = Sink()
    with producing(sink, max_delay=0.02) as producer:
        producer.send("a")
        wait_until(lambda: sink.batches == [[b'"a"']])
        producer.send("b")
        wait_until(lambda: len(sink.batches) == 2)


def test_flush_returns_once_all_is_acknowledged():
    sink = Sink()
    sink.open.clear()
    with producing(sink) as producer:
        producer.send(1)
        flushing = Task(producer.flush)
        assert sink.batches == []
        sink.open.set()
        flushing.result()
        assert sink.batches == [[b"1"]]
        producer.flush()


def test_sending_waits_while_the_buffer_is_full():
    sink = Sink()
    sink.open.clear()
    sent = []
    with producing(sink, max_messages=1) as producer:

        def send_all() -> None:
            for number in range(100):
                producer.send(number)
                sent.append(number)

        sending = Task(send_all)
        wait_until(lambda: len(sent) >= 8)
        assert len(sent) < 20
        sink.open.set()
        sending.result()
    assert [int(payload) for batch in sink.batches for payload in batch] == list(range(100))


def test_threads_share_a_producer_and_each_keeps_its_order(queue):
    with queue.producer(max_messages=50) as producer:

        def work(name: int) -> None:
            for number in range(500):
                producer.send([name, number])

        run_all([lambda name=name: work(name) for name in range(4)])
    taken = [message.payload for _ in range(2) for message in queue.dequeue_many(1_000)]
    for name in range(4):
        assert [number for owner, number in taken if owner == name] == list(range(500))


def test_parts_of_a_batch_may_be_sent_one_by_one(queue):
    queue.create(3)
    with queue.producer(max_messages=10) as producer:
        for number in range(10):
            producer.send(number)
        taken = []
        while len(taken) < 10:
            taken += [message.payload for message in queue.dequeue_many(10, timeout=10)]
    assert taken == list(range(10))


def test_what_was_not_sent_comes_back_with_the_reason(queue):
    queue.create(5)
    producer = queue.producer(max_messages=4, timeout=0)

    def send_all() -> None:
        for number in range(10_000):
            producer.send(number)
        producer.flush()

    with pytest.raises(MessagesUnsent) as failure:
        send_all()
    unsent = failure.value.payloads
    assert isinstance(failure.value.__cause__, QueueFull)
    assert unsent[0] == b"4"
    assert unsent == [b"%d" % number for number in range(4, 4 + len(unsent))]
    for call in (producer.flush, producer.close, lambda: producer.send(1)):
        with pytest.raises(MessagesUnsent) as again:
            call()
        assert again.value.payloads == unsent
    assert queue.stats().size == 4


def test_a_sender_that_waits_for_room_learns_of_a_failure():
    refusing = threading.Event()

    def refuse(_payloads: Sequence[bytes]) -> int:
        assert refusing.wait(20)
        raise QueueFull("no room")

    producer = Producer(refuse, max_messages=1, max_bytes=100, max_delay=LONG)

    def send_for_ever() -> None:
        while True:
            producer.send(1)

    sending = Task(send_for_ever)
    refusing.set()
    with pytest.raises(MessagesUnsent):
        sending.result()


def test_a_fault_of_another_kind_reaches_the_caller_too():
    def fail(_payloads: Sequence[bytes]) -> int:
        raise ValueError("out of order")

    producer = Producer(fail, max_messages=1, max_bytes=100, max_delay=LONG)
    producer.send(1)
    with pytest.raises(MessagesUnsent, match="out of order"):
        producer.close()


def test_a_server_that_is_not_there_is_told_at_the_end():
    client = Client("http://127.0.0.1:1", connect_timeout=0.1)
    with pytest.raises(MessagesUnsent) as failure, client.queue("a").producer() as producer:
        producer.send({"a": 1})
    assert isinstance(failure.value.__cause__, ConnectionFailed)
    assert failure.value.payloads == [b'{"a":1}']


def test_a_bad_value_is_refused_and_the_others_go():
    sink = Sink()
    with producing(sink) as producer:
        producer.send(1)
        with pytest.raises(InvalidJson):
            producer.send_raw("{")
        with pytest.raises(TypeError):
            producer.send(object())
        producer.send(2)
    assert sink.batches == [[b"1", b"2"]]


def test_a_closed_producer_takes_nothing():
    sink = Sink()
    with producing(sink) as producer:
        pass
    producer.close()
    with pytest.raises(ClientError, match="closed"):
        producer.send(1)
    assert sink.batches == []
