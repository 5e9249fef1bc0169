"""The calls that sleep, by the name of a queue: for programs that use the queues themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from zoldyq.contract.errors import QueueClosed, ShuttingDown, ZoldyQError
from zoldyq.queue.line import Bell, ConsumerPlace, ProducerPlace, Wake, deadline_after
from zoldyq.queue.message import Delivery, Message, Receipt


class BlockingCalls(ABC):
    """Enqueue and dequeue with a timeout, over the calls that never sleep.

    ``timeout`` is in seconds everywhere, None for no limit.
    """

    @abstractmethod
    def begin_enqueue(
        self,
        name: str,
        payloads: Sequence[bytes],
        at: int | None = None,
        *,
        ttl: int | None = None,
        wake: Wake | None = None,
    ) -> Receipt | ProducerPlace:
        """Append to the queue, or stand in its line for room."""

    @abstractmethod
    def begin_dequeue(
        self,
        name: str,
        count: int = 1,
        max_bytes: int | None = None,
        *,
        wake: Wake | None = None,
        in_line: int | None = None,
    ) -> Delivery | ConsumerPlace:
        """Take what is there, or stand in the queue's line."""

    @abstractmethod
    def put_back(self, name: str, back: Delivery) -> None:
        """Return undelivered messages."""

    @property
    @abstractmethod
    def draining(self) -> bool:
        """Whether the server is stopping."""

    def enqueue(self, name: str, payload: bytes, timeout: float | None = 0) -> Receipt:
        """Append one message; see :meth:`enqueue_many`."""
        return self.enqueue_many(name, (payload,), timeout)

    def enqueue_many(
        self, name: str, payloads: Sequence[bytes], timeout: float | None = 0
    ) -> Receipt:
        """Append messages in order, all of them or none, creating the queue if need be.

        Waits up to ``timeout`` seconds for room, behind producers that wait already. If the
        queue is deleted meanwhile, the messages go into the one that has its name then.

        Raises:
            QueueFull: there was no room in time.
            BatchExceedsCapacity: there never will be, the batch is larger than the queue.
            MemoryLimit: all queues together hold as many bytes as they may.
            MaxQueuesReached: the name is new, and there are as many queues as may be.
            ShuttingDown: the server is stopping.
        """
        if timeout == 0:
            receipt = self.begin_enqueue(name, payloads)
            assert isinstance(receipt, Receipt), "without a wake nobody stands in line"
            return receipt
        deadline, bell = deadline_after(timeout), Bell()
        wake: Wake | None = bell.ring
        while True:
            outcome = self.begin_enqueue(name, payloads, wake=wake)
            if isinstance(outcome, Receipt):
                return outcome
            rung = sleep_for_room(outcome, bell, deadline)
            try:
                return outcome.leave(expired=not rung)
            except QueueClosed:
                if not rung:
                    wake = None  # the time is up: its successor has room at once, or refuses

    def dequeue(self, name: str, timeout: float | None = 0) -> Message | None:
        """Take the oldest message, waiting up to ``timeout`` seconds for one.

        Returns None when nothing came in time, or the queue was deleted meanwhile.

        Raises:
            ShuttingDown: the server is stopping, and nothing is left in the queue.
        """
        messages = self.dequeue_many(name, 1, timeout)
        return messages[0] if messages else None

    def dequeue_many(self, name: str, count: int, timeout: float | None = 0) -> list[Message]:
        """Take up to ``count`` messages, oldest first, as soon as at least one is there.

        Waits up to ``timeout`` seconds and returns an empty list when nothing came in time, or
        the queue was deleted meanwhile. Nobody has to have used the name before.

        Raises:
            ShuttingDown: the server is stopping, and nothing is left in the queue.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        bell = Bell()
        outcome = self.begin_dequeue(name, count, wake=None if timeout == 0 else bell.ring)
        if isinstance(outcome, ConsumerPlace):
            outcome = sleep_for_messages(
                outcome, bell, deadline_after(timeout), partial(self.put_back, name)
            )
        if not outcome.messages and self.draining:
            raise ShuttingDown("the server is shutting down, and the queue has nothing left")
        return outcome.messages


def sleep_for_room(place: ProducerPlace, bell: Bell, deadline: float | None) -> bool:
    """Sleep until the place is settled, or until the deadline; tell whether the bell rang.

    A thread that is interrupted, by Ctrl-C perhaps, quits the line: nothing is enqueued behind
    the caller's back.
    """
    try:
        return bell.sleep(deadline)
    except BaseException:
        with suppress(ZoldyQError):
            place.leave()
        raise


def sleep_for_messages(
    place: ConsumerPlace,
    bell: Bell,
    deadline: float | None,
    put_back: Callable[[Delivery], object],
) -> Delivery:
    """Sleep until messages were handed over, or until the deadline; return what came.

    A thread that is interrupted, by Ctrl-C perhaps, quits the line and gives back what it won: a
    place that nobody looks at any more would swallow messages.
    """
    try:
        rung = bell.sleep(deadline)
    except BaseException:
        put_back(place.leave())
        raise
    return place.leave(expired=not rung)
