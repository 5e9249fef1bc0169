"""The queues in this process hold what every engine promises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from tests.helpers import wait_until
from tests.queue.suite import Make, QueuesTests
from zoldyq.contract.policy import Policy
from zoldyq.queue import ConsumerPlace, Delivery, MessageQueue, QueueManager, now_us
from zoldyq.queue.idle import Activity, IdleWatch


class TestQueuesInMemory(QueuesTests):
    @pytest.fixture
    def make(self) -> Make:
        return QueueManager


def test_a_queue_that_is_used_in_the_last_moment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    queues = QueueManager()
    queues.create("q", idle_seconds=1)
    due = IdleWatch.due

    def used_in_between(
        watch: IdleWatch, every: Iterable[MessageQueue]
    ) -> Iterator[tuple[MessageQueue, Activity]]:
        for queue, activity in due(watch, every):
            queues.enqueue("q", b"1")
            yield queue, activity

    monkeypatch.setattr(IdleWatch, "due", used_in_between)

    def used() -> bool:
        queues.keep_house()
        return queues.stats("q").enqueued_total > 0

    wait_until(used)
    assert queues.peek("q").messages[0].payload == b"1"


def test_the_quick_ways_open_again_once_what_came_back_was_dropped() -> None:
    queue = MessageQueue("q", policy=Policy(capacity=2, overflow="drop_oldest"))
    queue.enqueue_many([b"1", b"2"])
    queue.put_back(queue.dequeue_many(1))
    queue.enqueue_many([b"3", b"4"])
    assert not queue._detour_out


@pytest.mark.parametrize(("ttl", "own"), [(0.5, None), (None, 500_000)])
@pytest.mark.parametrize("waits", [True, False])
def test_a_lifetime_begins_when_the_message_is_accepted(
    ttl: float | None, own: int | None, waits: bool
) -> None:
    """An event loop stamps all messages of a turn at once, and a turn may take long."""
    queue = MessageQueue("q", policy=Policy(ttl_seconds=ttl))
    place = queue.begin_dequeue(wake=lambda: None) if waits else None
    before = now_us()
    queue.begin_enqueue([b"1"], before - 1_000_000, ttl=own)
    delivery = place.leave() if isinstance(place, ConsumerPlace) else queue.begin_dequeue()
    assert isinstance(delivery, Delivery)
    assert delivery.messages[0].enqueued_at >= before
