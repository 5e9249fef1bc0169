"""The buffering producer: when batches leave, order, back-pressure, and failures."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.client.children import in_child
from tests.client.face import BlockingFace
from tests.helpers import Task, run_all, wait_until
from zoldyq.client import (
    BufferFull,
    ClientClosed,
    ConnectionFailed,
    ConnectionLost,
    GatewayReply,
    InvalidOption,
    MessagesUnsent,
    NotAcknowledged,
    Producer,
    ProducerStats,
    UnexpectedReply,
)
from zoldyq.client.buffer import Limits
from zoldyq.client.options import SenderOptions
from zoldyq.client.sender import SendSome
from zoldyq.contract.errors import (
    InvalidJson,
    InvalidTimeout,
    QueueFull,
    QueueNotFound,
    ShuttingDown,
    Unauthorized,
    ZoldyQError,
)

LONG = 60.0


class Sink:
    """Takes batches, holds them up while ``open`` is not set, and fails with ``failures`` first."""

    def __init__(self, *failures: Exception) -> None:
        self.batches: list[list[bytes]] = []
        self.waits: list[float] = []
        self.failures = list(failures)
        self.open = threading.Event()
        self.open.set()

    def __call__(self, payloads: Sequence[bytes], wait: float) -> tuple[int, int]:
        self.waits.append(wait)
        assert self.open.wait(20)
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append(list(payloads))
        return len(payloads), 0

    @property
    def texts(self) -> list[bytes]:
        return [text for batch in self.batches for text in batch]


@pytest.fixture
def make(connect: BlockingFace) -> Callable[..., Producer]:
    """Make a producer of either kind that sends to a sink."""

    def made(
        sink: SendSome,
        *,
        max_messages: int = 3,
        max_bytes: int = 1_000,
        max_delay: float = LONG,
        buffer_messages: int = 100,
        buffer_bytes: int = 10_000,
        timeout: float | None = 20.0,
        **options: Any,
    ) -> Producer:
        limits = Limits(max_messages, max_bytes, buffer_messages, buffer_bytes)
        sender = SenderOptions(name="q", limits=limits, max_delay=max_delay, **options)
        return connect.producer(sink, sender, timeout)

    return made


def test_a_batch_leaves_once_it_has_enough_messages(make):
    sink = Sink()
    with make(sink) as producer:
        for number in range(7):
            producer.send(number)
        wait_until(lambda: len(sink.batches) == 2)
        assert sink.batches == [[b"0", b"1", b"2"], [b"3", b"4", b"5"]]
    assert sink.batches[2:] == [[b"6"]]


def test_a_batch_leaves_before_it_has_too_many_bytes(make):
    sink = Sink()
    with make(sink, max_messages=100, max_bytes=10) as producer:
        for size in (4, 4, 4, 50, 1):
            producer.send_raw("1" * size)
        producer.flush()
        assert [list(map(len, batch)) for batch in sink.batches] == [[4, 4], [4], [50], [1]]


def test_a_batch_leaves_when_its_first_message_is_old_enough(make):
    sink = Sink()
    with make(sink, max_delay=0.02) as producer:
        producer.send("a")
        wait_until(lambda: sink.batches == [[b'"a"']])
        producer.send("b")
        wait_until(lambda: len(sink.batches) == 2)


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize("end", [Producer.close, Producer.flush])
def test_a_signal_while_the_thread_starts_neither_loses_nor_doubles_a_message(
    monkeypatch, started, end
):
    class Interrupted(threading.Thread):
        def start(self) -> None:
            monkeypatch.undo()
            if started:
                super().start()
            raise KeyboardInterrupt

    sink = Sink()
    options = SenderOptions(name="q", limits=Limits(1, 1_000, 100, 10_000), max_delay=LONG)
    producer = Producer(sink, options, 20.0)
    monkeypatch.setattr(threading, "Thread", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        producer.send(0)
    end(producer)
    assert sink.texts == [b"0"]
    if end is Producer.flush:
        producer.send(1)
        producer.close()
        assert sink.texts == [b"0", b"1"]


def test_older_messages_that_had_to_go_are_counted(queue):
    queue.declare(capacity=2, overflow="drop_oldest")
    with queue.producer() as producer:
        for number in range(5):
            producer.send(number)
    assert (producer.stats().acknowledged, producer.stats().displaced) == (5, 3)


def test_flush_returns_once_all_is_acknowledged(make):
    sink = Sink()
    sink.open.clear()
    with make(sink) as producer:
        producer.send(1)
        flushing = Task(producer.flush)
        assert sink.batches == []
        sink.open.set()
        flushing.result()
        assert sink.batches == [[b"1"]]
        producer.flush()


def test_sending_waits_while_the_buffer_is_full(make):
    sink = Sink()
    sink.open.clear()
    sent = []
    with make(sink, max_messages=1, buffer_messages=8) as producer:

        def send_all() -> None:
            for number in range(100):
                producer.send(number)
                sent.append(number)

        sending = Task(send_all)
        wait_until(lambda: len(sent) == 9)  # one of them is on its way
        assert producer.stats().pending == 9
        sink.open.set()
        sending.result()
    assert sink.texts == [b"%d" % number for number in range(100)]


def fill(producer: Producer, sink: Sink) -> None:
    """Have one message on its way and four in the buffer, which is full then."""
    sink.open.clear()
    producer.send(0)
    wait_until(lambda: len(sink.waits) == 1)
    for number in range(1, 5):
        producer.send(number)


def test_sending_waits_no_longer_than_its_time(make):
    sink = Sink()
    with make(sink, max_messages=1, buffer_messages=4, timeout=0.05) as producer:
        fill(producer, sink)
        with pytest.raises(BufferFull, match="slower"):
            producer.send(5)
        assert producer.stats().turned_away == 1
        sink.open.set()
        producer.flush(timeout=20)
    assert sink.texts == [b"0", b"1", b"2", b"3", b"4"]


def test_a_full_buffer_may_turn_messages_away_at_once(make):
    sink = Sink()
    with make(sink, max_messages=1, buffer_messages=4, when_full="raise") as producer:
        fill(producer, sink)
        for number in range(5, 8):
            with pytest.raises(BufferFull):
                producer.send(number)
        sink.open.set()
    assert sink.texts == [b"0", b"1", b"2", b"3", b"4"]
    assert producer.stats() == stats(accepted=5, acknowledged=5, turned_away=3)


def test_a_full_buffer_may_drop_its_oldest(make):
    sink = Sink()
    options = {"max_messages": 1, "buffer_messages": 4, "when_full": "drop_oldest"}
    with make(sink, **options) as producer:
        fill(producer, sink)
        for number in range(5, 8):
            producer.send(number)
        sink.open.set()
    assert sink.texts == [b"0", b"4", b"5", b"6", b"7"]
    assert producer.stats() == stats(accepted=8, acknowledged=5, dropped=3)


def test_the_buffer_is_bounded_in_bytes_as_well(make):
    sink = Sink()
    options = {"max_messages": 1, "buffer_bytes": 100, "when_full": "raise"}
    with make(sink, **options) as producer:
        fill(producer, sink)
        with pytest.raises(BufferFull):
            producer.send("x" * 100)
        sink.open.set()
        producer.flush()
        producer.send("x" * 200)  # an empty buffer has room for anything


def stats(**counts: int) -> ProducerStats:
    names = ProducerStats.__struct_fields__
    return ProducerStats(**{name: counts.get(name, 0) for name in names})


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


OUTAGES = [
    ConnectionFailed("no server"),
    GatewayReply("502", status=502),
    QueueFull("full"),
    ShuttingDown("draining"),
    UnexpectedReply("a page", status=404),
    Unauthorized("no token"),
    QueueNotFound("not yet"),
    ValueError("out of order"),
]


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
def test_an_outage_ends_no_producer(make, error, caplog):
    caplog.set_level("INFO", "zoldyq.client")
    sink = Sink(error, error)
    told: list[Exception] = []
    with make(sink, max_messages=2, on_error=told.append) as producer:
        for number in range(4):
            producer.send(number)
        producer.flush()
        assert sink.batches == [[b"0", b"1"], [b"2", b"3"]]
        assert producer.stats().failures == 2
        producer.send(4)
    assert sink.texts[-1] == b"4"
    assert told == [each for each in (error, error) if isinstance(each, ZoldyQError)]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert {record.name for record in caplog.records} == {"zoldyq.client"}


def test_a_server_that_comes_back_after_some_time_gets_everything(connect, start_server):
    first = start_server()
    with connect(first.url).queue("a").producer(max_messages=5, max_delay=0.001) as producer:
        producer.send(0)
        producer.flush()
        first.stop()
        for number in range(1, 100):
            producer.send(number)
        wait_until(lambda: producer.stats().failures > 1)
        second = start_server(port=first.port)
        producer.flush(timeout=20)
    taken = connect(second.url).queue("a").dequeue_many(1_000)
    assert [message.payload for message in taken] == list(range(1, 100))


def test_a_queue_that_is_full_for_some_time_gets_everything(queue):
    queue.create(5)
    with queue.producer(max_messages=4, max_delay=0.001) as producer:
        for number in range(50):
            producer.send(number)
        wait_until(lambda: queue.stats().size > 1)
        taken: list[int] = []
        while len(taken) < 50:
            taken += [message.payload for message in queue.dequeue_many(10, timeout=20)]
    assert taken == list(range(50))
    assert producer.stats().acknowledged == 50


def test_a_batch_whose_reply_was_lost_is_sent_again_and_counted(make):
    sink = Sink(ConnectionLost("no reply"), GatewayReply("504", status=504))
    with make(sink, max_messages=2) as producer:
        for number in range(4):
            producer.send(number)
    assert sink.batches == [[b"0", b"1"], [b"2", b"3"]]
    assert producer.stats() == stats(accepted=4, acknowledged=4, resent=4, failures=2)


def test_a_batch_whose_reply_was_lost_may_be_given_up_instead(make):
    sink = Sink(ConnectionLost("no reply"))
    producer = make(sink, max_messages=2, resend_unknown=False)
    for number in range(4):
        producer.send(number)
    with pytest.raises(MessagesUnsent) as failure:
        producer.close()
    assert failure.value.payloads == [b"0", b"1"]
    assert isinstance(failure.value.__cause__, ConnectionLost)
    assert sink.batches == [[b"2", b"3"]]
    assert producer.stats() == stats(accepted=4, acknowledged=2, refused=2, failures=1)


class Fussy:
    """Takes no batch with a payload that is too large."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def __call__(self, payloads: Sequence[bytes], wait: float) -> tuple[int, int]:
        if any(len(payload) > 5 for payload in payloads):
            raise InvalidJson("too deep")
        self.taken += payloads
        return len(payloads), 0


def test_a_message_that_is_refused_for_good_holds_up_no_other(make):
    fussy, told = Fussy(), []
    with make(fussy, max_messages=100, on_error=told.append) as producer:
        for number in range(100):
            producer.send("bad one" if number in {0, 17, 18, 99} else number)
        producer.flush()
    assert fussy.taken == [b"%d" % number for number in range(100) if number not in {0, 17, 18, 99}]
    assert [error.payloads for error in told] == [[b'"bad one"']] * 4
    assert all(isinstance(error.__cause__, InvalidJson) for error in told)
    assert producer.stats().refused == 4


def test_what_is_refused_for_good_is_raised_where_nobody_is_told_otherwise(make):
    producer = make(Fussy())
    producer.send("bad one")
    producer.send(1)
    with pytest.raises(MessagesUnsent, match="too deep") as failure:
        producer.flush()
    assert failure.value.payloads == [b'"bad one"']
    producer.flush()
    producer.close()


def test_on_error_that_fails_ends_no_producer(make, caplog):
    def fail(_error: Exception) -> None:
        raise RuntimeError("my mistake")

    sink = Sink(QueueFull("full"))
    with make(sink, on_error=fail) as producer:
        producer.send(1)
    assert sink.texts == [b"1"]
    assert "my mistake" in caplog.text


def test_a_server_that_lets_nothing_wait_is_asked_without_waiting(make):
    sink = Sink(InvalidTimeout("too long", minimum=0, maximum=0.5))
    with make(sink) as producer:
        producer.send(1)
    assert (sink.waits[1], sink.texts) == (0.5, [b"1"])


def test_a_flush_that_takes_too_long_leaves_the_messages_where_they_are(make):
    sink = Sink()
    sink.open.clear()
    with make(sink) as producer:
        producer.send(1)
        with pytest.raises(NotAcknowledged) as failure:
            producer.flush(timeout=0.05)
        assert failure.value.details == {"pending": 1}
        sink.open.set()
    assert sink.texts == [b"1"]


def test_what_cannot_be_sent_in_time_comes_back_at_the_close_with_the_reason(make):
    sink = Sink(*[ConnectionFailed("no server")] * 1_000)
    producer = make(sink, max_messages=2)
    for number in range(5):
        producer.send(number)
    with pytest.raises(MessagesUnsent, match="no server") as failure:
        producer.close(timeout=0.3)
    assert failure.value.payloads == [b"%d" % number for number in range(5)]
    assert isinstance(failure.value.__cause__, ConnectionFailed)
    assert producer.stats().dropped == 5
    producer.close()
    with pytest.raises(ClientClosed):
        producer.send(6)


def test_a_close_without_time_still_tries_once(make):
    sink = Sink()
    producer = make(sink, max_messages=2)
    for number in range(5):
        producer.send(number)
    producer.close(timeout=0)
    assert len(sink.texts) == 5
    failing = make(Sink(*[QueueFull("full")] * 9))
    failing.send(1)
    with pytest.raises(MessagesUnsent):
        failing.close(timeout=0)


def test_a_close_returns_in_time_from_a_server_that_hangs(make):
    sink = Sink()
    sink.open.clear()
    producer = make(sink)
    producer.send(1)
    producer.send(2)
    with pytest.raises(MessagesUnsent) as failure:
        producer.close(timeout=0.2)  # without this time it would never return
    assert failure.value.payloads == [b"1", b"2"]
    sink.open.set()
    wait_until(lambda: sink.texts == [b"1", b"2"])  # it may have them nevertheless
    assert producer.stats() == stats(accepted=2, dropped=2)


def test_an_exception_in_the_block_is_not_hidden_by_what_could_not_be_sent(make):
    def work() -> None:
        with make(Sink(*[QueueFull("full")] * 1_000), timeout=0.1) as producer:
            producer.send(1)
            raise KeyError("mine")

    with pytest.raises(KeyError) as failure:
        work()
    unsent = failure.value.__context__
    assert isinstance(unsent, MessagesUnsent)
    assert unsent.payloads == [b"1"]
    assert "1 messages were not sent" in failure.value.__notes__[0]


def test_a_producer_that_is_told_to_gives_up_and_says_so_to_its_sender(make):
    sink = Sink(*[QueueFull("full")] * 1_000)
    producer = make(sink, max_messages=1, buffer_messages=4, give_up_after=0.3, timeout=None)

    def send_for_ever() -> None:
        while True:
            producer.send(1)

    with pytest.raises(MessagesUnsent) as failure:
        send_for_ever()
    assert isinstance(failure.value.__cause__, QueueFull)
    assert set(failure.value.payloads) == {b"1"}
    with pytest.raises(ClientClosed):
        producer.send(2)
    producer.close()


def test_a_producer_whose_client_is_closed_ends(connect, server):
    client = connect(server.url)
    producer = client.queue("closed").producer(max_delay=0)
    client.close()
    producer.send(1)
    with pytest.raises(MessagesUnsent, match="closed"):
        producer.close(timeout=None)


def test_a_producer_that_was_dropped_sends_what_it_has(make):
    sink = Sink()
    producer = make(sink)
    producer.send(1)
    del producer
    gc.collect()
    wait_until(lambda: sink.texts == [b"1"])


PROGRAM = """
import sys
from zoldyq import Client
producer = Client(sys.argv[1]).queue(sys.argv[2]).producer(max_delay=60)
for number in range(10):
    producer.send(number)
"""


@pytest.mark.threads_only
def test_the_end_of_the_program_sends_what_is_left(queue, client):
    subprocess.run([sys.executable, "-c", PROGRAM, client.url, queue.name], check=True, timeout=40)
    assert [message.payload for message in queue.dequeue_many(100)] == list(range(10))


@pytest.mark.parametrize(
    "options",
    [{"max_messages": 0}, {"max_bytes": -1}, {"buffer_messages": 0}, {"buffer_bytes": 1.5},
     {"max_delay": float("nan")}, {"when_full": "wait"}, {"timeout": -1}, {"give_up_after": "x"}],
)  # fmt: skip
def test_options_out_of_range_are_refused(queue, options):
    with pytest.raises((InvalidOption, InvalidTimeout)):
        queue.producer(**options)


@pytest.mark.threads_only
def test_a_child_process_sends_its_own_messages_and_its_parent_its_own(queue):
    with queue.producer(max_delay=LONG) as producer:
        producer.send("of the parent")
        wait_until(lambda: producer.stats().pending == 1)
        for number in range(3):
            in_child(lambda number=number: send_in_child(producer, number))
        assert producer.stats() == stats(accepted=1, pending=1)
    taken = [message.payload for message in queue.dequeue_many(100)]
    assert taken == [*range(3), "of the parent"]


def send_in_child(producer: Producer, number: int) -> None:
    assert producer.stats() == stats()
    producer.send(number)
    producer.flush()
    assert producer.stats() == stats(accepted=1, acknowledged=1)


@pytest.mark.threads_only
def test_a_fork_in_the_middle_of_sending_leaves_both_processes_whole(queue):
    with queue.producer(max_messages=7, max_delay=0.001) as producer:
        stopping = threading.Event()

        def work() -> int:
            sent = 0
            while not stopping.is_set():
                producer.send("parent")
                sent += 1
            return sent

        working = Task(work)
        for _ in range(20):
            in_child(lambda: (producer.send("child"), producer.close()))
        stopping.set()
        sent = working.result()
    counts: Counter[str] = Counter()
    while messages := queue.dequeue_many(1_000):
        counts.update(message.payload for message in messages)
    assert counts == {"parent": sent, "child": 20}


def test_a_bad_value_is_refused_and_the_others_go(make):
    sink = Sink()
    with make(sink) as producer:
        producer.send(1)
        with pytest.raises(InvalidJson):
            producer.send_raw("{")
        with pytest.raises(TypeError):
            producer.send(object())
        producer.send(2)
    assert sink.batches == [[b"1", b"2"]]


def test_a_closed_producer_takes_nothing(make):
    sink = Sink()
    with make(sink) as producer:
        pass
    producer.close()
    with pytest.raises(ClientClosed, match="closed"):
        producer.send(1)
    assert sink.batches == []
