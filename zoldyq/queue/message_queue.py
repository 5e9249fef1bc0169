"""One named FIFO queue: bounded, fair to those who wait, and exact in what it counts.

Messages, their accounting and the lines of those who wait are below, in :mod:`zoldyq.queue.store`
and :mod:`zoldyq.queue.waiting`, and the quick ways of most calls in :mod:`zoldyq.queue.quick`. Here
are the general ways: calls that may sleep, calls that never do, and administration.

Everything is decided under the lock and done after it: ``wake()`` runs without any lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from time import sleep
from typing import Any

from zoldyq.contract.policy import Policy
from zoldyq.contract.statistics import QueueStats
from zoldyq.queue.blocking import sleep_for_messages, sleep_for_room
from zoldyq.queue.line import (
    Bell,
    ConsumerPlace,
    Place,
    ProducerPlace,
    Wake,
    deadline_after,
    wake_all,
)
from zoldyq.queue.memory import MemoryBudget
from zoldyq.queue.message import (
    Delivery,
    Message,
    PolicyChange,
    Receipt,
    count_within,
    now_us,
)
from zoldyq.queue.quick import Quick
from zoldyq.queue.store import SECTION


class MessageQueue(Quick):
    """A FIFO of messages with at most ``capacity`` in it, safe to use from any thread.

    ``policy`` bounds it in other ways, and ``capacity`` wins over the policy's. ``budget``, where
    given, is shared with other queues and bounds the bytes of all of them.
    ``first`` is the number of the first message; ``when_unused`` is called whenever the last
    consumer that waited has left.
    """

    __slots__ = ("_uses",)

    def __init__(
        self,
        name: str,
        capacity: int | None = None,
        budget: MemoryBudget | None = None,
        *,
        policy: Policy | None = None,
        first: int = 0,
        when_unused: Callable[[str], None] | None = None,
    ) -> None:
        policy = policy or Policy()
        if capacity is not None:
            policy = policy.changed({"capacity": capacity})
        if policy.capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {policy.capacity}")
        super().__init__(name, policy, budget, first, when_unused)
        self._uses = 0  # acts that no counter tells

    # -- calls that may sleep, for programs ----------------------------------------------------

    def enqueue_many(self, payloads: Sequence[bytes], timeout: float | None = 0) -> Receipt:
        """Append messages in order, all of them or none.

        Waits up to ``timeout`` seconds for room (None: for ever), behind producers that wait
        already.

        Raises:
            QueueFull: there was no room in time.
            BatchExceedsCapacity: there never will be, the batch is larger than the queue.
            MemoryLimit: the budget shared with other queues is spent.
            QueueClosed: the queue was deleted. ShuttingDown: the server is stopping.
        """
        bell = Bell(self._lock)
        outcome = self.begin_enqueue(payloads, wake=None if timeout == 0 else bell.ring)
        if isinstance(outcome, ProducerPlace):
            rung = sleep_for_room(outcome, bell, deadline_after(timeout))
            outcome = outcome.leave(expired=not rung)
        return outcome

    def dequeue_many(self, count: int, timeout: float | None = 0) -> list[Message]:
        """Take up to ``count`` messages, oldest first, as soon as at least one is there.

        Waits up to ``timeout`` seconds (None: for ever) and returns an empty list when nothing
        came in time.

        Raises:
            QueueClosed: the queue was deleted. ShuttingDown: the server is stopping. In both
                cases nothing is left in the queue.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        bell = Bell(self._lock)
        outcome = self.begin_dequeue(count, wake=None if timeout == 0 else bell.ring)
        if isinstance(outcome, ConsumerPlace):
            outcome = sleep_for_messages(outcome, bell, deadline_after(timeout), self.put_back)
        if not outcome.messages:
            self._check_not_exhausted()
        return outcome.messages

    def _check_not_exhausted(self) -> None:
        with self._lock:
            if self._closed and not self._messages:
                raise self._closed_error()

    # -- calls that never sleep ----------------------------------------------------------------

    def _begin_enqueue(
        self, payloads: Sequence[bytes], at: int, ttl: int | None, wake: Wake | None
    ) -> Receipt | ProducerPlace:
        woken: list[Place] | None = None
        dropped = 0
        acquire, release = self._acquire, self._release
        acquire()
        try:
            if ttl is not None or self._ttl is not None:
                # The stamp of a turn may be older than a lifetime, if the machine is busy.
                at = now_us()
            if self._detour_in or len(self._messages) + len(payloads) > self.capacity:
                if self._closed:
                    raise self._closed_error()
                woken = self._expire_for(payloads)
                if self._producers or self._surplus_for(payloads):
                    if not self._drops_oldest:
                        return self._stand_in_line(payloads, ttl, wake)
                    dropped = self._surplus_to_drop(payloads)
                woken += self._append_past_line(payloads, at, ttl, dropped)
                if dropped:
                    self._look_for_detours()  # numbers may have gone
            else:
                self._append(payloads, at, ttl)
            size = len(self._messages)
        finally:
            release()
            if woken is not None:
                wake_all(woken)
        return Receipt(len(payloads), size, at, dropped)

    def _begin_dequeue(
        self, count: int, max_bytes: int | None, wake: Wake | None, in_line: int | None
    ) -> Delivery | ConsumerPlace:
        acquire, release = self._acquire, self._release
        while True:
            if self._mortal and now_us() >= self._soonest:
                self.expire_due()
            acquire()
            try:
                if not self._messages:
                    return self._wait_for_messages(in_line or count, wake)
                delivery = self._take(count, max_bytes)
                if not self._detour_out:
                    return delivery
                woken = self._admit_producers()
                self._look_for_detours()
                size = len(self._messages)
            finally:
                release()
            wake_all(woken)
            if delivery.messages:
                return Delivery(delivery.messages, size, delivery.numbers)

    def put_back(self, back: Delivery | Sequence[Message]) -> int:
        """Return undelivered messages to where they were, or to those who wait; tell how many
        were taken back.

        Bare messages go to the head. They keep their order and time stamps, and may fill the
        queue above its bounds; those that have expired meanwhile are counted and dropped. Only a
        queue closed with ``discard`` takes none back.
        """
        with self._lock:
            if not isinstance(back, Delivery):
                back = self._with_numbers(back)
            count = len(back.messages)
            if self._discarding or not count:
                return 0
            woken, rest = self._hand_over(self._come_back(back))
            if rest.messages:
                self._return(rest)
            self._look_for_detours()
        wake_all(woken)
        return count

    # -- policy --------------------------------------------------------------------------------

    def update(self, given: Mapping[str, Any]) -> PolicyChange:
        """Change fields of the policy; see :func:`zoldyq.contract.policy.check_fields`.

        It works at once. Producers that wait get new room. Less room keeps what is queued, or
        drops the surplus where the queue drops its oldest messages. A new lifetime holds for
        what is queued, too.
        """
        with self._lock:
            before = self._policy
            policy = before.changed(given)
            self._obey(policy)
            self._look_for_detours()
            self._uses += 1
        self.expire_due()
        self._in_sections(self._shed if policy.overflow == "drop_oldest" else lambda: True)
        return PolicyChange(policy != before, policy)

    def expire_due(self) -> int:
        """Drop what has expired at the head of the queue; tell how many messages that were."""
        if now_us() < self._soonest:
            return 0  # a hint that may be stale by a moment, and spares the lock
        expired = 0

        def expire() -> bool:
            nonlocal expired
            due = self._expire(now_us())
            expired += due
            return due < SECTION

        self._in_sections(expire)
        return expired

    def _in_sections(self, work: Callable[[], bool]) -> None:
        """Call ``work`` under the lock until it is done, letting others in between."""
        done = False
        while not done:
            with self._lock:
                done = work()
                woken = self._admit_producers()
                self._look_for_detours()
            wake_all(woken)
            sleep(0)

    def activity(self) -> tuple[int, ...] | None:
        """Return what changes with every use of the queue; None while it is in use.

        It is in use while it holds messages or somebody waits.
        """
        with self._lock:
            if self._messages or self._consumers or self._producers:
                return None
            return self._activity()

    def close_if_idle(self, activity: tuple[int, ...]) -> bool:
        """Close the queue if it was not used since ``activity``; tell whether it was closed."""
        with self._lock:
            in_use = self._messages or self._consumers or self._producers
            if in_use or self._activity() != activity:
                return False
            self._closed = self._discarding = True
            self._look_for_detours()
            return True

    # -- administration --------------------------------------------------------------------

    def peek(self, count: int = 1, max_bytes: int | None = None) -> Delivery:
        """Look at up to ``count`` of the oldest messages without taking them.

        At most :data:`SECTION` messages that expired behind one that lives are passed over.
        """
        self.expire_due()
        with self._lock:
            messages = self._oldest_living(count)
            if max_bytes is not None:
                del messages[count_within(messages, max_bytes) :]
            return Delivery(messages, len(self._messages))

    def purge(self) -> int:
        """Drop every message and tell how many there were. Producers that wait get the room."""
        self.expire_due()
        with self._lock:
            self._uses += 1
            purged = self._drop_all()
            count = len(purged)
            woken = self._admit_producers()
            self._look_for_detours()
        wake_all(woken)
        _forget(purged)
        return count

    def close(self, *, discard: bool = False, stopping: bool = False) -> int:
        """Take no more messages and let nobody wait; return how many messages were dropped.

        Everybody who waits is woken. What is queued can still be dequeued, unless ``discard``
        drops it, with all that is put back later. Producers are told that the queue was deleted,
        or that the server is ``stopping``.
        """
        if discard:
            self.expire_due()
        with self._lock:
            self._closed = True
            self._stopping = stopping
            self._discarding = self._discarding or discard
            woken: list[Place] = [*self._consumers, *self._producers]
            for place in woken:
                place.settled = True
            dropped = self._drop_all() if discard else deque()
            count = len(dropped)
            self._look_for_detours()
        wake_all(woken)
        _forget(dropped)
        return count

    @property
    def closed(self) -> bool:
        """Whether the queue takes no more messages."""
        with self._lock:
            return self._closed

    def stats(self) -> QueueStats:
        """Return one consistent snapshot of size, counters and lines."""
        self.expire_due()
        with self._lock:
            return self._stats(len(self._consumers), len(self._producers))

    def _activity(self) -> tuple[int, ...]:
        return (
            self._next,
            self._put_back_total,
            self._dequeue_timeout_total,
            self._queue_full_total,
            self._uses,
        )


def _forget(messages: deque[Message]) -> None:
    """Free messages that were dropped, letting other threads run in between."""
    while messages:
        for _ in repeat(None, min(SECTION, len(messages))):
            messages.pop()
        sleep(0)
