"""One queue of a real server: sending, receiving, administration, and what is refused."""

from __future__ import annotations

import time

import pytest

from tests.client.scripted import ScriptedServer, reply
from tests.helpers import Task, run_all, wait_until
from zoldyq.client import InvalidOption, InvalidPayload, UnexpectedReply
from zoldyq.contract.errors import (
    InvalidCount,
    InvalidJson,
    InvalidMove,
    InvalidPolicy,
    InvalidQueueName,
    InvalidTimeout,
    NotFound,
    QueueExists,
    QueueFull,
    QueueNotFound,
    Unauthorized,
)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1,
        2**70,
        -(2**63),
        1.5,
        "",
        "é \u2028 🎉",
        [],
        {},
        [1, [2]],
        {"a": {"b": None}},
    ],
)
def test_a_value_comes_back_as_it_was(queue, value):
    receipt = queue.enqueue(value)
    assert (receipt.queue_name, receipt.queue_size, receipt.count) == (queue.name, 1, 1)
    message = queue.dequeue()
    assert message.payload == value
    assert type(message.payload) is type(value)
    assert message.enqueued_at == receipt.enqueued_at
    assert abs(message.enqueued_at / 1e6 - time.time()) < 60


@pytest.mark.parametrize(
    "text", ["1.10", "12345678901234567890123", '{"a":1,"a":2}', "[ 1,\n 2 ]", '"\\u00e9"']
)
def test_raw_text_stays_as_it_is(queue, text):
    queue.enqueue_raw(text)
    queue.enqueue_many_raw([text.encode()])
    assert [message.raw for message in queue.dequeue_many(2)] == [text.encode()] * 2


@pytest.mark.parametrize("text", ["", "{", "hello", "1,2", "1]}", '1,"payload":2', b'"\xff"'])
def test_raw_text_that_is_no_json_is_refused_before_it_is_sent(queue, text):
    with pytest.raises(InvalidJson):
        queue.enqueue_raw(text)
    with pytest.raises(InvalidJson):
        queue.enqueue_many_raw(["1", text])
    with pytest.raises(QueueNotFound):
        queue.stats()


def test_a_value_that_json_cannot_express_is_refused(queue):
    with pytest.raises(TypeError):
        queue.enqueue(object())


def test_nothing_comes_from_an_empty_queue(queue):
    assert queue.dequeue() is None
    assert queue.dequeue(timeout=0.05) is None
    assert queue.dequeue_many(5) == ()


def test_dequeue_waits_for_a_message(queue):
    queue.create(10)
    waiting = Task(lambda: queue.dequeue(timeout=20))
    wait_until(lambda: queue.stats().waiting_consumers == 1)
    queue.enqueue("here")
    assert waiting.result().payload == "here"


def test_enqueue_waits_for_room(queue):
    queue.create(1)
    queue.enqueue(1)
    waiting = Task(lambda: queue.enqueue(2, timeout=20))
    wait_until(lambda: queue.stats().waiting_producers == 1)
    assert queue.dequeue().payload == 1
    assert waiting.result().queue_name == queue.name
    assert queue.dequeue().payload == 2


def test_a_full_queue_refuses_and_tells_its_size(queue):
    queue.create(1)
    queue.enqueue(1)
    with pytest.raises(QueueFull) as refused:
        queue.enqueue(2)
    assert refused.value.details["queue_capacity"] == 1
    assert queue.stats().queue_full_total == 1


def test_many_are_sent_in_order_from_any_iterable(queue):
    assert queue.enqueue_many((number for number in range(2_500)), batch_messages=1_000) == 2_500
    taken = [message for _ in range(3) for message in queue.dequeue_many(1_000)]
    assert [message.payload for message in taken] == list(range(2_500))
    assert len({message.enqueued_at for message in taken}) <= 3


def test_batches_are_bounded_by_bytes(queue):
    queue.enqueue_many(["x" * 100] * 4, batch_bytes=250)
    assert len({message.enqueued_at for message in queue.peek(4)}) == 2


def test_no_message_is_nothing_to_send(queue):
    assert queue.enqueue_many([]) == 0


def test_a_batch_that_is_larger_than_the_server_takes_is_sent_in_parts(connect, start_server):
    server = start_server(max_batch=30)
    with connect(server.url) as client:
        queue = client.queue("emails")
        assert queue.enqueue_many(range(100), batch_messages=100) == 100
        with queue.producer(max_messages=100, max_delay=60) as producer:
            for number in range(100, 200):
                producer.send(number)
        taken = [message.payload for message in queue.dequeue_many(1_000)]
    assert taken == list(range(200))


def test_a_batch_that_is_larger_than_the_queue_is_sent_in_parts(queue):
    queue.create(300)
    filling = Task(lambda: queue.enqueue_many(range(1_000), timeout=20))
    taken = []
    while len(taken) < 1_000:
        taken += [message.payload for message in queue.dequeue_many(100, timeout=20)]
    assert filling.result() == 1_000
    assert taken == list(range(1_000))


def test_what_was_queued_before_a_refusal_is_told(queue):
    queue.create(25)
    with pytest.raises(QueueFull) as refused:
        queue.enqueue_many(range(100), batch_messages=10)
    assert refused.value.details["enqueued"] == 20 == queue.stats().size


def test_what_was_queued_before_a_bad_value_is_told(queue):
    with pytest.raises(InvalidPayload) as refused:
        queue.enqueue_many([*range(25), object(), 26], batch_messages=10)
    assert refused.value.details["enqueued"] == 20 == queue.stats().size
    with pytest.raises(InvalidJson) as refused:
        queue.enqueue_many_raw([*"12345", "{", "6"], batch_messages=2)
    assert refused.value.details["enqueued"] == 4 == queue.stats().size - 20


def test_what_was_queued_before_the_programs_own_error_is_told(queue):
    def values():
        yield from range(25)
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="gone") as failed:
        queue.enqueue_many(values(), batch_messages=10)
    assert failed.value.__notes__ == ["20 messages were queued before this"]


@pytest.mark.parametrize(
    "value",
    [object(), "\ud800", {1: object()}, 1 << 20_000],
    ids=["object", "surrogate", "inside", "digits"],
)
def test_a_value_that_cannot_be_sent_is_an_error_of_its_own(queue, value):
    with pytest.raises(InvalidPayload):
        queue.enqueue(value)


def test_the_lifetime_of_messages_reaches_the_server(connect):
    queued = reply(200, b'{"queue_name":"a","queue_size":1,"enqueued_at":1,"count":2,"dropped":3}')
    with ScriptedServer(queued, queued, queued, queued) as server:
        queue = connect(server.url).queue("a")
        assert queue.enqueue(1, ttl=1.5).dropped == 3
        queue.enqueue_raw("1", ttl=2)
        queue.enqueue_many([1, 2], ttl=3)
        queue.enqueue_many_raw(["1"], ttl=4, timeout=7)
        targets = [request.split(b" ")[1] for request in server.requests]
    assert targets[:3] == [b"/queues/a/enqueue?ttl=%b" % each for each in (b"1.5", b"2", b"3")]
    assert targets[3].startswith(b"/queues/a/enqueue?ttl=4&timeout=")


POLICY = (
    b'"capacity":5,"max_bytes":null,"ttl_seconds":1.5,"overflow":"drop_oldest","idle_seconds":60'
)


def test_a_policy_is_declared_and_updated_by_the_fields_that_are_given(connect):
    declared = reply(201, b'{"created":true,"queue_name":"a",%b}' % POLICY)
    updated = reply(200, b'{"changed":false,"queue_name":"a",%b}' % POLICY)
    with ScriptedServer(declared, updated) as server:
        queue = connect(server.url).queue("a")
        made = queue.declare(capacity=5, ttl_seconds=1.5, overflow="drop_oldest")
        changed = queue.update(max_bytes=None, idle_seconds=60)
        first, second = server.requests
    assert first.startswith(b"PUT /queues/a HTTP/1.1\r\n")
    assert first.endswith(b'\r\n\r\n{"capacity":5,"ttl_seconds":1.5,"overflow":"drop_oldest"}')
    assert second.startswith(b"PATCH /queues/a HTTP/1.1\r\n")
    assert second.endswith(b'\r\n\r\n{"max_bytes":null,"idle_seconds":60}')
    assert made.created
    assert not changed.changed
    for policy in (made, changed):
        assert (policy.capacity, policy.max_bytes, policy.ttl_seconds) == (5, None, 1.5)
        assert (policy.overflow, policy.idle_seconds) == ("drop_oldest", 60)


def test_peek_takes_nothing(queue):
    queue.enqueue_many("abc")
    assert [message.payload for message in queue.peek(2)] == ["a", "b"]
    assert queue.stats().size == 3


def test_statistics(client, queue):
    queue.create(10)
    queue.enqueue_many("abcd")
    queue.dequeue()
    stats = queue.stats()
    assert (stats.size, stats.capacity, stats.utilization) == (3, 10, 0.3)
    assert (stats.enqueued_total, stats.dequeued_total) == (4, 1)
    assert client.queues()[queue.name].size == 3
    assert client.health().queues[queue.name].size == 3
    assert client.health().status == "healthy"


def test_purge_and_delete_tell_how_many_went(queue):
    queue.enqueue_many(range(5))
    assert queue.purge() == 5
    queue.enqueue(1)
    assert queue.delete() == 1
    with pytest.raises(QueueNotFound):
        queue.delete()


def test_messages_move_to_another_queue(client, queue):
    queue.enqueue_many(range(5))
    assert queue.move(f"{queue.name}-to", 2) == 2
    assert queue.move(f"{queue.name}-to") == 3
    assert [message.payload for message in client.queue(f"{queue.name}-to").peek(9)] == [*range(5)]
    with pytest.raises(InvalidMove):
        queue.move(queue.name)


def test_create_is_idempotent_and_refuses_another_capacity(queue):
    assert queue.create(5) is True
    assert queue.create(5) is False
    with pytest.raises(QueueExists):
        queue.create(6)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "-a", "a b", "ä", "a/b", "a?x=1", "a#b", "x" * 129]
)
def test_a_name_that_no_queue_can_have_is_refused(client, name):
    with pytest.raises(InvalidQueueName):
        client.queue(name)


@pytest.mark.parametrize("name", [None, 5, b"a"])
def test_a_name_is_a_text(client, name):
    with pytest.raises(InvalidOption, match="must be a str"):
        client.queue(name)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "5", 0, 10**400])
def test_a_wrong_lifetime_takes_none_away(queue, value):
    queue.declare(ttl_seconds=60)
    for change in (queue.declare, queue.update):
        with pytest.raises(InvalidPolicy):
            change(ttl_seconds=value)
    assert queue.stats().ttl_seconds == 60


def test_a_name_with_a_slash_reaches_no_other_queue(client, queue):
    with pytest.raises(InvalidQueueName):
        client.queue(f"../queues/{queue.name}")
    with pytest.raises(QueueNotFound):
        queue.stats()


def test_parameters_out_of_range_are_refused(queue):
    with pytest.raises(InvalidCount):
        queue.dequeue_many(0)
    with pytest.raises(InvalidTimeout):
        queue.dequeue(timeout=1e9)


def test_threads_share_a_client(queue):
    def work() -> int:
        for number in range(50):
            queue.enqueue(number)
        return sum(queue.dequeue(timeout=10) is not None for _ in range(50))

    assert run_all([work] * 8) == [50] * 8
    assert queue.stats().size == 0


def test_a_token_opens_a_server_that_asks_for_one(connect, start_server):
    url = start_server(token="t1,t2").url
    with connect(url) as stranger:
        assert stranger.health().status == "healthy"
        with pytest.raises(Unauthorized):
            stranger.queue("a").enqueue(1)
        with pytest.raises(Unauthorized):
            next(stranger.queue("a").consume())
    with connect(url, token="t2") as friend:
        friend.queue("a").enqueue(1)
        assert next(friend.queue("a").consume(limit=1)).payload == 1


def test_another_server_at_the_address_is_told(connect, client):
    with connect(client.url + "/nowhere") as lost, pytest.raises((NotFound, UnexpectedReply)):
        lost.health()
