"""The messages of one queue, and all accounting: bytes, the shared budget, lifetimes, counters.

Each way for a message to come or to go is written here, and counted here; :mod:`.quick` repeats it
in one piece for what most calls want. The lines of those who wait are in :mod:`.waiting`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import islice, repeat
from time import time_ns

from zoldyq.contract.policy import Policy
from zoldyq.contract.statistics import QueueStats
from zoldyq.queue.lifetimes import NEVER, Lifetimes
from zoldyq.queue.memory import MemoryBudget
from zoldyq.queue.message import (
    MESSAGE_OVERHEAD,
    Delivery,
    LimitedMessage,
    Message,
    cost_of,
    count_within,
    now_us,
)

#: Messages that are dropped in one go. It takes about 1 ms; others get the lock in between.
SECTION = 2_000

#: What keeps a single message from leaving by the quick way. Messages may expire, so look at the
#: clock; or producers wait for the room, or messages that came back have numbers.
CLOCK, CLOSED = 1, 2


class Store(Lifetimes):
    """The messages of a queue and what is counted of them.

    Methods with an underscore expect that the caller holds the lock. ``budget``, where given, is
    shared with other queues. ``first`` is the number of the first message to come.
    """

    __slots__ = (
        "_acquire",
        "_budget",
        "_bytes",
        "_created_at",
        "_dequeue_timeout_total",
        "_detour_in",
        "_detour_out",
        "_drops_oldest",
        "_expired_total",
        "_lock",
        "_max_bytes",
        "_overflow_dropped_total",
        "_policy",
        "_purged_total",
        "_put_back_total",
        "_queue_full_total",
        "_release",
        "_replaces",
        "capacity",
    )

    def __init__(self, policy: Policy, budget: MemoryBudget | None, first: int) -> None:
        super().__init__(first)
        self._budget = budget
        # Guards every field of this class, of those below it and of those that extend it. Never
        # held across I/O, a wait or a wake-up; the only lock taken inside it is the budget's.
        self._lock = threading.Lock()
        # The busiest methods take it by these: a `with` costs 150 ns, these two 75.
        self._acquire = self._lock.acquire
        self._release = self._lock.release
        # What stands in the way of the quick way in or out of a single message.
        self._detour_in = False
        self._detour_out = 0
        # Whether a message that finds the queue full may simply take the place of the oldest.
        self._replaces = False
        self._bytes = 0
        self._created_at = now_us()
        self._queue_full_total = 0
        self._dequeue_timeout_total = 0
        self._put_back_total = 0
        self._purged_total = 0
        self._expired_total = 0
        self._overflow_dropped_total = 0
        self._obey(policy)

    def _obey(self, policy: Policy) -> None:
        """Take a policy, and hold in plain fields what the hot path asks for."""
        self._policy = policy
        self.capacity = policy.capacity
        self._max_bytes = policy.max_bytes
        self._drops_oldest = policy.overflow == "drop_oldest"
        self._live_for(policy.ttl_seconds)

    @property
    def policy(self) -> Policy:
        """How the queue deals with its messages now."""
        return self._policy

    def __len__(self) -> int:
        with self._lock:
            return len(self._messages)

    # -- coming ------------------------------------------------------------------------------

    def _append(
        self, payloads: Sequence[bytes], at: int, ttl: int | None = None, dropping: int = 0
    ) -> None:
        """Append new messages, charging the budget first. Raises MemoryLimit.

        ``ttl`` is their own lifetime in microseconds, None for that of the queue. ``dropping``
        of the oldest messages go for them.
        """
        if not payloads:
            return
        cost = sum(map(len, payloads)) + MESSAGE_OVERHEAD * len(payloads)
        freed = cost_of(list(islice(self._messages, dropping))) if dropping else 0
        if self._budget is not None:
            self._budget.reserve(cost - freed)
        if dropping:
            self._pop(dropping)
            self._bytes -= freed
            self._overflow_dropped_total += dropping
        if ttl is not None:
            self._messages.extend(map(LimitedMessage, payloads, repeat(at), repeat(ttl)))
            self._irregular = self._mortal = True
            self._detour_out = self._detour_out or CLOCK
            self._set_soonest(min(self._soonest, at + ttl))
        else:
            self._messages.extend(map(Message, payloads, repeat(at)))
        self._bytes += cost
        self._next += len(payloads)

    def _append_beyond(
        self, wanted: int, payloads: Sequence[bytes], at: int, ttl: int | None
    ) -> Delivery:
        """Append new messages but the first ``wanted``, which are returned for those who wait.

        The queue is empty, or nothing is wanted. Raises MemoryLimit, and then nothing has changed.
        """
        first = self._next
        self._append(payloads[wanted:] if wanted else payloads, at, ttl)
        passing = [
            Message(payload, at) if ttl is None else LimitedMessage(payload, at, ttl)
            for payload in payloads[:wanted]
        ]
        self._next += len(passing)
        return Delivery(passing, 0, range(first, first + len(passing)))

    def _come_back(self, back: Delivery) -> Delivery:
        """Count messages that come back; return those that have not expired meanwhile."""
        self._put_back_total += len(back.messages)
        now = now_us()
        living = [at for at, message in enumerate(back.messages) if self._expiry(message) > now]
        if len(living) == len(back.messages):
            return back
        self._expired_total += len(back.messages) - len(living)
        messages = [back.messages[at] for at in living]
        return Delivery(messages, back.queue_size, [back.numbers[at] for at in living])

    def _return(self, back: Delivery) -> None:
        """Insert messages that came back, which are charged but never refused."""
        assert self._lock.locked()
        self._insert(back)
        cost = cost_of(back.messages)
        self._bytes += cost
        if self._budget is not None:
            self._budget.charge(cost)
        self._irregular |= any(type(message) is LimitedMessage for message in back.messages)
        first = min(map(self._expiry, back.messages))
        self._set_soonest(min(self._soonest, first))
        self._mortal = self._irregular or self._ttl is not None

    # -- going -------------------------------------------------------------------------------

    def _take(self, count: int, max_bytes: int | None) -> Delivery:
        """Take up to ``count`` messages, at least one, with payloads of up to ``max_bytes``.

        The queue is not empty. If messages in it may have expired, the delivery can be empty.
        """
        queued = self._messages
        first = self._next - len(queued)
        if self._mortal and (now := time_ns() // 1000) >= self._soonest:
            return self._take_living(count, max_bytes, now)
        if count >= len(queued) and (max_bytes is None or self._bytes <= max_bytes):
            taken, cost = list(queued), self._bytes
            queued.clear()
        else:
            taken, cost = self._take_some(count, max_bytes)
        self._bytes -= cost
        if self._budget is not None:
            self._budget.release(cost)
        if self._numbers:
            return Delivery(taken, len(queued), self._take_numbers(len(taken), first))
        return Delivery(taken, len(queued), range(first, first + len(taken)))

    def _take_some(self, count: int, max_bytes: int | None) -> tuple[list[Message], int]:
        """Return messages from the head, and what they cost."""
        queued = self._messages
        popleft = queued.popleft
        taken = [popleft() for _ in repeat(None, min(count, len(queued)))]
        cost = cost_of(taken)
        # Looked at only where it may matter: adding up costs more than taking.
        if max_bytes is not None and cost > max_bytes:
            fitting = count_within(taken, max_bytes)
            queued.extendleft(reversed(taken[fitting:]))
            del taken[fitting:]
            cost = cost_of(taken)
        return taken, cost

    def _take_living(self, count: int, max_bytes: int | None, now: int) -> Delivery:
        """Take messages one by one and drop those that have expired, a section at the most."""
        messages: list[Message] = []
        numbers: list[int] = []
        room = NEVER if max_bytes is None else max_bytes
        for _ in repeat(None, SECTION + count):
            if not self._messages or len(messages) == count:
                break
            head = self._messages[0]
            if self._expiry(head) <= now:
                self._drop(1)
                self._expired_total += 1
                continue
            room -= len(head.payload)
            if room < 0 and messages:
                break
            numbers += self._take_numbers(1, self._next - len(self._messages))
            messages.append(self._messages.popleft())
            self._free(len(head.payload) + MESSAGE_OVERHEAD)
        self._look_at_lifetimes()
        return Delivery(messages, len(self._messages), numbers)

    def _expire(self, now: int) -> int:
        """Drop what has expired at the head, a section at the most; tell how many there were."""
        due = 0
        for message in islice(self._messages, SECTION):
            if self._expiry(message) > now:
                break
            due += 1
        self._drop(due)
        self._expired_total += due
        if due < SECTION:
            self._look_at_lifetimes()
        return due

    def _shed(self) -> bool:
        """Drop what is beyond the policy's bounds, a section at the most; tell whether that was
        all. For a queue that drops its oldest."""
        surplus = self._surplus(0, 0, SECTION)
        self._drop(surplus)
        self._overflow_dropped_total += surplus
        return surplus < SECTION

    def _surplus(self, count: int, cost: int, limit: int | None = None) -> int:
        """Return how many of the oldest have to go for ``count`` messages of this cost.

        It is more than there are if the messages would not fit even then, and ``limit`` at most.
        """
        surplus = max(len(self._messages) + count - self.capacity, 0)
        if self._max_bytes is not None:
            excess = self._bytes + cost - self._max_bytes
            place = 0
            for message in islice(self._messages, limit):
                if excess <= 0:
                    break
                excess -= len(message.payload) + MESSAGE_OVERHEAD
                place += 1
            surplus = max(surplus, place + (excess > 0))
        return surplus if limit is None else min(surplus, limit)

    def _drop_all(self) -> deque[Message]:
        """Drop every message, as purged; return them, to be forgotten without the lock."""
        dropped = self._take_all()
        self._free(self._bytes)
        self._purged_total += len(dropped)
        return dropped

    def _drop(self, count: int) -> None:
        """Take messages off the head for good. The caller counts why."""
        assert self._lock.locked()
        self._free(cost_of(self._pop(count)))

    def _free(self, cost: int) -> None:
        self._bytes -= cost
        if self._budget is not None:
            self._budget.release(cost)

    # -- looking -----------------------------------------------------------------------------

    def _oldest_living(self, count: int) -> list[Message]:
        """Return up to ``count`` of the oldest messages but those that have expired."""
        if not self._mortal:
            return list(islice(self._messages, count))
        now = now_us()
        looked_at = islice(self._messages, count + SECTION)
        living = (message for message in looked_at if self._expiry(message) > now)
        return list(islice(living, count))

    def _stats(self, waiting_consumers: int, waiting_producers: int) -> QueueStats:
        enqueued = self._next - self._first
        size = len(self._messages)
        gone = self._purged_total + self._expired_total + self._overflow_dropped_total
        age = max(now_us() - self._messages[0].enqueued_at, 0) if size else 0
        return QueueStats(
            size=size,
            **self._policy.document(),
            utilization=round(size / self.capacity, 6),
            bytes=self._bytes,
            oldest_age_seconds=age / 1_000_000,
            created_at=self._created_at,
            enqueued_total=enqueued,
            # Derived, so that nothing can be lost between two counters.
            dequeued_total=enqueued + self._put_back_total - gone - size,
            queue_full_total=self._queue_full_total,
            dequeue_timeout_total=self._dequeue_timeout_total,
            put_back_total=self._put_back_total,
            purged_total=self._purged_total,
            expired_total=self._expired_total,
            overflow_dropped_total=self._overflow_dropped_total,
            waiting_consumers=waiting_consumers,
            waiting_producers=waiting_producers,
        )
