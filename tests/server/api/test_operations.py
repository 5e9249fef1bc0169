from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import pytest

from tests.helpers import Task, wait_until
from tests.queue.places import ignore, texts
from zoldyq import __version__
from zoldyq.contract.errors import (
    BatchExceedsCapacity,
    BodyTooLarge,
    InvalidCapacity,
    InvalidCount,
    InvalidJson,
    InvalidPolicy,
    InvalidQueueName,
    InvalidTimeout,
    InvalidTtl,
    MaxQueuesReached,
    MemoryLimit,
    QueueExists,
    QueueFull,
    QueueNotFound,
    ShuttingDown,
    UnknownField,
    ZoldyQError,
)
from zoldyq.metrics.durations import Durations
from zoldyq.queue import MESSAGE_OVERHEAD, Bell, Delivery, QueueManager, deadline_after, now_us
from zoldyq.server.api.operations import Limits, Operations
from zoldyq.server.api.waits import DequeueWait, EnqueueWait
from zoldyq.wire import NDJSON, Reply


def every(_name: str) -> bool:
    """What a caller may see who may see all queues."""
    return True


@pytest.fixture
def manager() -> QueueManager:
    return QueueManager(default_capacity=3, max_queues=2)


@pytest.fixture
def operations(manager: QueueManager) -> Operations:
    return Operations(manager, Limits(max_timeout=60, max_count=100, max_body_bytes=1_000))


def document(reply: object) -> dict[str, object]:
    assert isinstance(reply, Reply)
    return msgspec.json.decode(reply.body, type=dict[str, object])


def enqueue(
    operations: Operations,
    body: bytes,
    query: str = "",
    content_type: str | None = None,
    wake: Callable[[], None] = ignore,
) -> Reply | EnqueueWait:
    call = operations.enqueue_call("emails", query, content_type)
    return operations.enqueue(call, body, wake)


def dequeue(
    operations: Operations,
    query: str = "",
    accept: str | None = None,
    wake: Callable[[], None] = ignore,
) -> Reply | DequeueWait[Reply]:
    return operations.dequeue(operations.dequeue_call("emails", query, accept), wake)


def waiting_producer(operations: Operations, body: bytes) -> EnqueueWait:
    wait = enqueue(operations, body, "timeout=5")
    assert isinstance(wait, EnqueueWait)
    return wait


def waiting_consumer(operations: Operations, query: str = "timeout=5") -> DequeueWait[Reply]:
    wait = dequeue(operations, query)
    assert isinstance(wait, DequeueWait)
    return wait


def fill(operations: Operations) -> None:
    enqueue(operations, b'{"payloads":[1,2,3]}')


class TestEnqueue:
    def test_acknowledges_a_message(self, operations: Operations) -> None:
        before = now_us()
        answer = document(enqueue(operations, b'{"payload":{"to":"user@example.com"}}'))
        assert before <= int(str(answer.pop("enqueued_at"))) <= now_us()
        assert answer == {"queued": True, "queue_name": "emails", "queue_size": 1}

    def test_acknowledges_a_batch(self, operations: Operations) -> None:
        answer = document(enqueue(operations, b'{"payloads":[1,2]}'))
        assert (answer["count"], answer["queue_size"]) == (2, 2)

    def test_reads_one_payload_a_line_if_told_so(self, operations: Operations) -> None:
        answer = document(enqueue(operations, b"1\n2\n", content_type=NDJSON))
        assert answer["count"] == 2

    def test_the_server_may_bring_the_time_along(self, operations: Operations) -> None:
        call = operations.enqueue_call("emails", "", None)
        assert document(operations.enqueue(call, b'{"payload":1}', ignore, 42))["enqueued_at"] == 42

    @pytest.mark.parametrize(
        ("body", "refusal"),
        [(b'{"payload":', InvalidJson), (b'{"payloads":[1,2,3,4]}', BatchExceedsCapacity)],
    )
    def test_a_bad_body_changes_nothing(
        self, operations: Operations, body: bytes, refusal: type[ZoldyQError]
    ) -> None:
        with pytest.raises(refusal):
            enqueue(operations, body, "timeout=5")
        assert document(operations.list_queues(every))["total_queues"] == 0

    def test_a_full_queue_refuses_at_once(self, operations: Operations) -> None:
        fill(operations)
        with pytest.raises(QueueFull):
            enqueue(operations, b'{"payload":4}')

    @pytest.mark.parametrize("query", ["timeout=-1", "timeout=x", "timeout=61", "timeout=nan"])
    def test_a_bad_timeout_is_refused(self, operations: Operations, query: str) -> None:
        with pytest.raises(InvalidTimeout):
            operations.enqueue_call("emails", query, None)

    def test_a_bad_name_is_refused(self, operations: Operations) -> None:
        with pytest.raises(InvalidQueueName):
            operations.enqueue_call("e mails", "", None)


class TestWaitingForRoom:
    def test_is_acknowledged_once_there_is_some(self, operations: Operations) -> None:
        fill(operations)
        bell = Bell()
        wait = enqueue(operations, b'{"payload":4}', "timeout=5", wake=bell.ring)
        assert isinstance(wait, EnqueueWait)
        assert wait.timeout == 5
        sleeper = Task(lambda: bell.sleep(deadline_after(30)))
        dequeue(operations)
        assert sleeper.result()
        assert document(wait.finish())["queue_size"] == 3

    def test_a_wait_in_vain_is_refused(self, operations: Operations, manager: QueueManager) -> None:
        fill(operations)
        wait = waiting_producer(operations, b'{"payload":4}')
        with pytest.raises(QueueFull):
            wait.finish(expired=True)
        stats = manager.stats("emails")
        assert (stats.queue_full_total, stats.waiting_producers, stats.size) == (1, 0, 3)

    def test_a_producer_that_goes_takes_its_messages_along(
        self, operations: Operations, manager: QueueManager
    ) -> None:
        fill(operations)
        waiting_producer(operations, b'{"payload":4}').abandon()
        dequeue(operations)
        assert manager.stats("emails").enqueued_total == 3

    def test_a_producer_that_goes_too_late_has_enqueued(
        self, operations: Operations, manager: QueueManager
    ) -> None:
        fill(operations)
        wait = waiting_producer(operations, b'{"payload":4}')
        dequeue(operations)
        wait.abandon()
        assert manager.stats("emails").enqueued_total == 4

    def test_a_wake_up_in_vain_ends_nothing(
        self, operations: Operations, manager: QueueManager
    ) -> None:
        fill(operations)
        wait = waiting_producer(operations, b'{"payload":4}')
        assert wait.finish() is None
        assert manager.stats("emails").waiting_producers == 1

    def test_the_rest_of_the_time_is_spent_in_the_successors_line(
        self, operations: Operations, manager: QueueManager
    ) -> None:
        fill(operations)
        bell = Bell()
        first = waiting_producer(operations, b'{"payloads":[4,5]}')
        wait = enqueue(operations, b'{"payloads":[6,7]}', "timeout=5", wake=bell.ring)
        assert isinstance(wait, EnqueueWait)
        operations.delete_queue("emails")
        assert bell.sleep(deadline_after(0))
        assert document(first.finish())["count"] == 2
        assert wait.finish() is None
        assert manager.stats("emails").waiting_producers == 1
        dequeue(operations, "count=2")
        assert bell.sleep(deadline_after(0))
        assert document(wait.finish())["count"] == 2

    @pytest.mark.parametrize("room", [True, False])
    def test_a_producer_whose_time_ends_with_its_queue_tries_once_more(
        self, operations: Operations, room: bool
    ) -> None:
        fill(operations)
        wait = waiting_producer(operations, b'{"payload":4}')
        operations.delete_queue("emails")
        if room:
            assert document(wait.finish(expired=True))["queue_size"] == 1
        else:
            fill(operations)
            with pytest.raises(QueueFull):
                wait.finish(expired=True)

    def test_deletion_makes_room(self, operations: Operations) -> None:
        fill(operations)
        wait = waiting_producer(operations, b'{"payloads":[4,5]}')
        operations.delete_queue("emails")
        answer = document(wait.finish())
        assert (answer["count"], answer["queue_size"]) == (2, 2)

    def test_a_server_that_stops_refuses(
        self, operations: Operations, manager: QueueManager
    ) -> None:
        fill(operations)
        wait = waiting_producer(operations, b'{"payload":4}')
        manager.drain()
        with pytest.raises(ShuttingDown):
            wait.finish()
        wait.abandon()


class TestDequeue:
    def test_takes_one_message(self, operations: Operations) -> None:
        fill(operations)
        reply = dequeue(operations)
        answer = document(reply)
        assert answer.pop("enqueued_at")
        assert answer == {"payload": 1, "queue_name": "emails", "queue_size": 2}

    def test_takes_several(self, operations: Operations) -> None:
        fill(operations)
        answer = document(dequeue(operations, "count=2"))
        assert (answer["count"], answer["queue_size"]) == (2, 1)
        assert document(dequeue(operations, "count=1"))["count"] == 1

    def test_replies_with_lines_if_asked(self, operations: Operations) -> None:
        fill(operations)
        reply = dequeue(operations, "count=9", NDJSON)
        assert isinstance(reply, Reply)
        assert (reply.body, reply.content_type) == (b"1\n2\n3\n", NDJSON)

    @pytest.mark.parametrize("query", ["", "timeout=0", "count=5"])
    def test_nothing_is_there(self, operations: Operations, query: str) -> None:
        reply = dequeue(operations, query)
        assert isinstance(reply, Reply)
        assert (reply.status, reply.body) == (204, b"")
        assert document(operations.list_queues(every))["total_queues"] == 0

    def test_a_reply_is_no_larger_than_a_body_may_be(self, operations: Operations) -> None:
        enqueue(operations, b'{"payloads":["%b","%b","3"]}' % (b"x" * 600, b"y" * 600))
        assert document(dequeue(operations, "count=3"))["count"] == 1

    @pytest.mark.parametrize("query", ["count=0", "count=101", "count=x", "count="])
    def test_a_bad_count_is_refused(self, operations: Operations, query: str) -> None:
        with pytest.raises(InvalidCount):
            operations.dequeue_call("emails", query, None)

    @pytest.mark.parametrize("query", ["timeout=-1", "timeout=x", "timeout=61"])
    def test_a_bad_timeout_is_refused(self, operations: Operations, query: str) -> None:
        with pytest.raises(InvalidTimeout):
            operations.dequeue_call("emails", query, None)

    def test_a_bad_name_is_refused(self, operations: Operations) -> None:
        with pytest.raises(InvalidQueueName):
            operations.dequeue_call("", "", None)

    def test_what_could_not_be_written_goes_back_to_the_head(self, operations: Operations) -> None:
        fill(operations)
        reply = dequeue(operations, "count=2")
        assert isinstance(reply, Reply)
        operations.put_back(reply)
        assert document(dequeue(operations))["payload"] == 1

    def test_what_could_not_be_written_may_have_been_no_message(
        self, operations: Operations
    ) -> None:
        operations.put_back(operations.health(every))
        assert document(operations.list_queues(every))["total_queues"] == 0


class TestWaitingForMessages:
    def test_is_answered_once_something_comes(self, operations: Operations) -> None:
        bell = Bell()
        wait = dequeue(operations, "timeout=5", wake=bell.ring)
        assert isinstance(wait, DequeueWait)
        assert wait.timeout == 5
        sleeper = Task(lambda: bell.sleep(deadline_after(30)))
        enqueue(operations, b'{"payload":1}')
        assert sleeper.result()
        assert document(wait.finish())["payload"] == 1

    def test_takes_as_many_as_it_asked_for(self, operations: Operations) -> None:
        wait = waiting_consumer(operations, "timeout=5&count=2")
        fill(operations)
        answer = document(wait.finish())
        assert (answer["count"], answer["queue_size"]) == (2, 1)

    def test_a_wait_in_vain_ends_with_nothing(
        self, operations: Operations, manager: QueueManager
    ) -> None:
        manager.create("emails", capacity=3)
        reply = waiting_consumer(operations).finish(expired=True)
        assert reply is not None
        assert reply.status == 204
        assert manager.stats("emails").dequeue_timeout_total == 1

    def test_a_message_beats_the_timeout(self, operations: Operations) -> None:
        wait = waiting_consumer(operations)
        enqueue(operations, b'{"payload":1}')
        assert document(wait.finish(expired=True))["payload"] == 1

    def test_a_consumer_that_goes_leaves_the_message(self, operations: Operations) -> None:
        wait = waiting_consumer(operations)
        fill(operations)
        wait.abandon()
        wait.abandon()
        assert document(dequeue(operations, "count=9"))["count"] == 3
        assert document(operations.show_queue("emails"))["put_back_total"] == 1

    def test_a_consumer_that_goes_before_the_message_comes_takes_none(
        self, operations: Operations
    ) -> None:
        waiting_consumer(operations).abandon()
        assert document(enqueue(operations, b'{"payload":1}'))["queue_size"] == 1

    @pytest.mark.parametrize("end", ["delete", "drain"])
    def test_deletion_and_shutdown_end_the_wait(
        self, operations: Operations, manager: QueueManager, end: str
    ) -> None:
        manager.create("emails", capacity=3)
        bell = Bell()
        wait = dequeue(operations, "timeout=5", wake=bell.ring)
        assert isinstance(wait, DequeueWait)
        if end == "delete":
            operations.delete_queue("emails")
        else:
            manager.drain()
        assert bell.sleep(deadline_after(0))
        reply = wait.finish()
        assert reply is not None
        assert reply.status == 204

    def test_nobody_waits_while_the_server_stops(
        self, operations: Operations, manager: QueueManager
    ) -> None:
        manager.drain()
        reply = dequeue(operations, "timeout=5")
        assert isinstance(reply, Reply)
        assert reply.status == 204

    def test_a_message_that_comes_between_look_and_wait_is_not_missed(
        self, operations: Operations, manager: QueueManager
    ) -> None:
        def consume() -> int:
            received = 0
            while received < 300:
                bell = Bell()
                answer = dequeue(operations, "timeout=60", wake=bell.ring)
                if isinstance(answer, DequeueWait):
                    bell.sleep(deadline_after(20))
                    answer = answer.finish(expired=True)  # type: ignore[assignment]
                assert isinstance(answer, Reply)
                assert answer.status == 200
                received += 1
            return received

        consumer = Task(consume)
        for _ in range(300):
            wait_until(lambda: not manager.memory_full and manager.size < 3)
            enqueue(operations, b'{"payload":1}')
        assert consumer.result() == 300


class TestTake:
    """Messages for a stream, not rendered."""

    def test_hands_out_messages_with_their_places(self, operations: Operations) -> None:
        fill(operations)
        delivery = operations.take("emails", 2, 1_000, ignore)
        assert isinstance(delivery, Delivery)
        assert texts(delivery.messages) == [b"1", b"2"]
        operations.queues.put_back("emails", delivery.rest(1))
        assert document(dequeue(operations))["payload"] == 2

    def test_stands_in_line_for_as_long_as_it_takes(self, operations: Operations) -> None:
        bell = Bell()
        wait = operations.take("emails", 3, 1_000, bell.ring, in_line=1)
        assert isinstance(wait, DequeueWait)
        assert (wait.timeout, wait.finish()) == (math.inf, None)
        fill(operations)
        assert bell.sleep(deadline_after(0))
        delivery = wait.finish()
        assert delivery is not None
        assert (texts(delivery.messages), delivery.queue_size) == ([b"1"], 2)

    def test_is_timed_apart_by_whether_it_waited(self, operations: Operations) -> None:
        wait = operations.take("emails", 1, 1_000, ignore)
        assert isinstance(wait, DequeueWait)
        fill(operations)
        wait.finish()
        operations.take("emails", 1, 1_000, ignore)
        durations = operations.durations
        assert (observed(durations.dequeue), observed(durations.dequeue_waited)) == (1, 1)


@pytest.mark.parametrize("waits", [False, True])
def test_an_error_between_taking_and_rendering_loses_no_message(
    operations: Operations, monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    def no_memory(*_: object) -> Reply:
        raise MemoryError

    wait = waiting_consumer(operations) if waits else None
    fill(operations)
    monkeypatch.setattr("zoldyq.wire.delivery_reply", no_memory)
    end = wait.finish if wait else lambda: dequeue(operations, "count=2")
    with pytest.raises(MemoryError):
        end()
    assert texts(operations.queues.peek("emails", 9).messages) == [b"1", b"2", b"3"]


class TestAdministration:
    def test_a_look_takes_nothing(self, operations: Operations) -> None:
        fill(operations)
        assert document(operations.peek("emails", "count=2", None))["count"] == 2
        assert document(operations.peek("emails", "", None))["count"] == 1
        assert operations.peek("emails", "count=9", NDJSON).body == b"1\n2\n3\n"
        assert document(operations.show_queue("emails"))["size"] == 3

    def test_statistics_of_one_and_all(self, operations: Operations) -> None:
        fill(operations)
        one = document(operations.show_queue("emails"))
        assert one.pop("queue_name") == "emails"
        everything = document(operations.list_queues(every))
        assert everything["total_queues"] == 1
        listed = everything["queues"]
        assert isinstance(listed, dict)
        assert {**listed["emails"], "oldest_age_seconds": 0} == {**one, "oldest_age_seconds": 0}
        assert (one["size"], one["capacity"], one["utilization"]) == (3, 3, 1.0)

    def test_creation_tells_whether_it_is_new(self, operations: Operations) -> None:
        for status, created in ((201, True), (200, False)):
            reply = operations.create_queue("emails", b'{"capacity":7}')
            assert reply.status == status
            assert document(reply) == {
                "created": created,
                "queue_name": "emails",
                "capacity": 7,
                "max_bytes": None,
                "ttl_seconds": None,
                "overflow": "reject",
                "idle_seconds": None,
            }

    @pytest.mark.parametrize(
        ("body", "refusal"),
        [
            (b'{"capacity":8}', QueueExists),
            (b'{"capacity":0}', InvalidCapacity),
            (b'{"capacity":99999999999999999999}', InvalidCapacity),
            (b'{"capacity":"7"}', InvalidCapacity),
            (b'{"capacity":7.0}', InvalidCapacity),
            (b'{"capacity":null}', InvalidCapacity),
            (b'{"max_bytes":5}', InvalidPolicy),
            (b'{"ttl_seconds":0}', InvalidPolicy),
            (b'{"overflow":"drop"}', InvalidPolicy),
            (b'{"idle_seconds":true}', InvalidPolicy),
            (b'{"capacity":7,"name":"emails"}', UnknownField),
            (b"[]", InvalidPolicy),
            (b"", InvalidJson),
        ],
    )
    def test_creation_may_be_refused(
        self, operations: Operations, body: bytes, refusal: type[ZoldyQError]
    ) -> None:
        operations.create_queue("emails", b'{"capacity":7}')
        with pytest.raises(refusal):
            operations.create_queue("emails", body)
        assert document(operations.show_queue("emails"))["capacity"] == 7

    def test_a_policy_is_changed_at_once(self, operations: Operations) -> None:
        fill(operations)
        wait = waiting_producer(operations, b'{"payload":4}')
        changed = document(operations.update_queue("emails", b'{"capacity":4}'))
        assert (changed["changed"], changed["capacity"]) == (True, 4)
        assert document(wait.finish())["queue_size"] == 4
        same = document(operations.update_queue("emails", b"{}"))
        assert (same["changed"], same["capacity"]) == (False, 4)

    def test_a_change_that_is_refused_changes_nothing(self, operations: Operations) -> None:
        with pytest.raises(QueueNotFound):
            operations.update_queue("emails", b'{"capacity":4}')
        fill(operations)
        with pytest.raises(InvalidPolicy) as refusal:
            operations.update_queue("emails", b'{"capacity":4,"ttl_seconds":-1}')
        assert refusal.value.details["field"] == "ttl_seconds"
        assert document(operations.show_queue("emails"))["capacity"] == 3

    def test_messages_may_have_a_lifetime_of_their_own(
        self, operations: Operations, manager: QueueManager
    ) -> None:
        enqueue(operations, b'{"payloads":[1,2]}', "ttl=0.001")
        wait_until(lambda: not manager.peek("emails").messages)
        assert document(operations.show_queue("emails"))["expired_total"] == 2

    @pytest.mark.parametrize("query", ["ttl=0", "ttl=-1", "ttl=x", "ttl=2678401"])
    def test_a_bad_lifetime_is_refused(self, operations: Operations, query: str) -> None:
        with pytest.raises(InvalidTtl):
            operations.enqueue_call("emails", query, None)

    def test_the_oldest_messages_go_where_the_policy_says_so(self, operations: Operations) -> None:
        operations.create_queue("emails", b'{"capacity":3,"overflow":"drop_oldest"}')
        fill(operations)
        assert document(enqueue(operations, b'{"payloads":[4,5]}'))["dropped"] == 2
        assert document(enqueue(operations, b'{"payload":6}'))["dropped"] == 1
        assert operations.peek("emails", "count=9", NDJSON).body == b"4\n5\n6\n"

    def test_there_are_so_many_queues_at_most(self, operations: Operations) -> None:
        operations.create_queue("one", b'{"capacity":7}')
        operations.create_queue("other", b'{"capacity":7}')
        with pytest.raises(MaxQueuesReached):
            enqueue(operations, b'{"payload":1}')

    def test_deletion_and_purge_tell_how_many_messages_they_cost(
        self, operations: Operations
    ) -> None:
        fill(operations)
        purged = document(operations.purge_queue("emails"))
        assert purged == {"queue_name": "emails", "purged": 3}
        fill(operations)
        deleted = document(operations.delete_queue("emails"))
        assert deleted == {"deleted": True, "queue_name": "emails", "dropped": 3}

    @pytest.mark.parametrize(
        "ask",
        [
            Operations.show_queue,
            Operations.purge_queue,
            Operations.delete_queue,
            lambda operations, name: operations.peek(name, "", None),
        ],
    )
    def test_unknown_and_bad_names_are_told_apart(
        self, operations: Operations, ask: Callable[[Operations, str], object]
    ) -> None:
        with pytest.raises(QueueNotFound):
            ask(operations, "emails")
        with pytest.raises(InvalidQueueName):
            ask(operations, "e/mails")

    def test_a_bad_name_is_not_created(self, operations: Operations) -> None:
        with pytest.raises(InvalidQueueName):
            operations.create_queue("e mails", b'{"capacity":7}')


class TestHealth:
    def test_tells_state_version_and_queues(
        self, operations: Operations, manager: QueueManager
    ) -> None:
        fill(operations)
        health = document(operations.health(every))
        assert (health["status"], health["version"]) == ("healthy", __version__)
        assert 0 <= float(str(health["uptime_seconds"])) < 60
        assert (health["total_queues"], list(health["queues"])) == (1, ["emails"])  # type: ignore[call-overload]
        manager.drain()
        reply = operations.health(every)
        assert (reply.status, document(reply)["status"]) == (200, "draining")

    def test_ready_until_it_stops(self, operations: Operations, manager: QueueManager) -> None:
        assert (operations.ready().status, document(operations.ready())) == (200, {"ready": True})
        manager.drain()
        reply = operations.ready()
        assert reply.status == 503
        assert document(reply) == {"ready": False, "reason": "shutting_down"}

    def test_not_ready_while_the_memory_is_full(self) -> None:
        operations = Operations(QueueManager(max_bytes=MESSAGE_OVERHEAD + 1))
        enqueue(operations, b'{"payload":1}')
        with pytest.raises(MemoryLimit):
            enqueue(operations, b'{"payload":2}')
        reply = operations.ready()
        assert reply.status == 503
        assert document(reply) == {"ready": False, "reason": "memory_limit"}
        dequeue(operations)
        assert operations.ready().status == 200


def observed(durations: Durations) -> int:
    return sum(durations.snapshot()[0])


def test_operations_are_timed_apart_by_whether_they_waited(operations: Operations) -> None:
    fill(operations)
    producer = waiting_producer(operations, b'{"payload":4}')
    dequeue(operations, "count=3")
    producer.finish()
    dequeue(operations)
    consumer = waiting_consumer(operations)
    consumer.finish(expired=True)
    durations = operations.durations
    assert observed(durations.enqueue) == 1
    assert observed(durations.enqueue_waited) == 1
    assert observed(durations.dequeue) == 2
    assert observed(durations.dequeue_waited) == 1


@pytest.mark.parametrize(("size", "fits"), [(0, True), (1_000, True), (1_001, False)])
def test_a_body_has_a_largest_size(size: int, fits: bool) -> None:
    limits = Limits(max_body_bytes=1_000)
    if fits:
        limits.check_body(size)
    else:
        with pytest.raises(BodyTooLarge) as refusal:
            limits.check_body(size)
        assert refusal.value.details == {"max_body_bytes": 1_000}


class TestWhatACallerMaySee:
    def test_only_queues_that_it_may_see_are_listed(self, operations: Operations) -> None:
        for name in ("mail.in", "secret"):
            operations.create_queue(name, b'{"capacity":1}')
        listed = document(operations.list_queues(lambda name: name.startswith("mail.")))
        assert (listed["total_queues"], sorted(listed["queues"])) == (1, ["mail.in"])
        assert document(operations.list_queues(lambda _: False))["queues"] == {}

    def test_a_stranger_is_told_of_no_queue(self, operations: Operations) -> None:
        operations.create_queue("secret", b'{"capacity":1}')
        assert set(document(operations.health(None))) == {"status", "uptime_seconds", "version"}
