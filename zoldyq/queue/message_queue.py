"""One named FIFO queue: bounded, fair to those who wait, and exact in what it counts.

Messages are handed over, not announced. A consumer that finds nothing joins the line; the next
enqueue fills the slot of whoever has waited longest, under the lock, and wakes it afterwards.
Producers that find no room stand in a line of their own in the same way. So nobody overtakes:
with a bare ``Condition.notify()`` a late ``get`` of ``queue.Queue`` took the message ahead of
the longest waiter five times in five.

Everything is decided under the lock and done after it: ``wake()`` runs without any lock.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice, repeat
from time import time_ns

from zoldyq.contract.errors import (
    BatchExceedsCapacity,
    MemoryLimit,
    QueueClosed,
    QueueFull,
    ZoldyQError,
)
from zoldyq.queue.memory import MemoryBudget
from zoldyq.queue.message import (
    MESSAGE_OVERHEAD,
    Delivery,
    Message,
    QueueStats,
    Receipt,
    cost_of,
    now_us,
)
from zoldyq.queue.waiter import Bell, RoomWaiter, Waiter, deadline_after


class MessageQueue:
    """A FIFO of messages with at most ``capacity`` in it, safe to use from any thread.

    ``budget``, where given, is shared with other queues and bounds the bytes of all of them.
    """

    def __init__(self, name: str, capacity: int, budget: MemoryBudget | None = None) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        self.name = name
        self.capacity = capacity
        self._budget = budget
        # Guards every field below. Never held across I/O, a wait or a wake-up; the only lock
        # ever taken inside it is the budget's.
        self._lock = threading.Lock()
        # The four busiest methods take it by these: a `with` costs 150 ns, these two 75.
        self._enter = self._lock.acquire
        self._leave = self._lock.release
        self._messages: deque[Message] = deque()
        # The two lines, longest waiter first. OrderedDict, for taking the first of 20,000 from
        # a plain dict was dozens of times slower.
        # Invariant: when consumers wait there is no message, and so no producer waits either.
        self._consumers: OrderedDict[Waiter, None] = OrderedDict()
        self._producers: OrderedDict[RoomWaiter, None] = OrderedDict()
        self._closed = False
        self._discarding = False
        self._bytes = 0
        self._enqueued_total = 0
        self._queue_full_total = 0
        self._dequeue_timeout_total = 0
        self._put_back_total = 0
        self._purged_total = 0

    def __len__(self) -> int:
        with self._lock:
            return len(self._messages)

    # -- producers -------------------------------------------------------------------------

    def enqueue(self, payload: bytes, timeout: float | None = 0) -> Receipt:
        """Append one message; see :meth:`enqueue_many`."""
        at = time_ns() // 1000
        cost = len(payload) + MESSAGE_OVERHEAD
        # The common case in one piece, as in dequeue: the pair takes 0.7 us instead of 1.8 us by
        # the general way, where queue.Queue takes 1.25 us.
        self._enter()
        try:
            if not (
                self._consumers
                or self._producers
                or self._closed
                or len(self._messages) >= self.capacity
            ):
                if self._budget is not None:
                    self._budget.reserve(cost)
                self._messages.append(Message(payload, at))
                self._bytes += cost
                self._enqueued_total += 1
                return Receipt(1, len(self._messages), at)
        finally:
            self._leave()
        return self.enqueue_many((payload,), timeout)

    def enqueue_many(self, payloads: Sequence[bytes], timeout: float | None = 0) -> Receipt:
        """Append messages in order, all of them or none.

        Waits up to ``timeout`` seconds for room (None: for ever), behind producers that wait
        already.

        Raises:
            QueueFull: there was no room in time.
            BatchExceedsCapacity: there never will be, the batch is larger than the queue.
            MemoryLimit: the budget shared with other queues is spent.
            QueueClosed: the queue takes no more messages.
        """
        try:
            return self.offer(payloads, waits=timeout != 0)
        except QueueFull:
            if timeout == 0:
                raise
        bell = Bell(self._lock)
        waiter = RoomWaiter(bell.ring, payloads)
        try:
            if not self.join_for_room(waiter):
                bell.sleep(deadline_after(timeout))
        except BaseException:
            # Interrupted, by Ctrl-C perhaps: do not enqueue behind the caller's back.
            with suppress(ZoldyQError):
                self.leave_room(waiter)
            raise
        return self.leave_room(waiter)

    def offer(
        self, payloads: Sequence[bytes], at: int | None = None, *, waits: bool = False
    ) -> Receipt:
        """Append messages in order, all of them or none, without ever waiting.

        ``at`` is their time stamp in microseconds since the epoch (None: now). ``waits`` says
        that the caller will wait if there is no room, so that a refusal does not yet count in
        ``queue_full_total``.

        Raises:
            QueueFull, BatchExceedsCapacity, MemoryLimit, QueueClosed: as :meth:`enqueue_many`.
        """
        if at is None:
            at = now_us()
        woken: list[Waiter] | None = None
        self._enter()
        try:
            if self._closed:
                raise self._closed_error()
            if self._producers or len(self._messages) + len(payloads) > self.capacity:
                raise self._no_room(len(payloads), waits)
            if self._consumers:
                woken = self._append_past_waiters(payloads, at)
            else:
                self._append(payloads, at)
            self._enqueued_total += len(payloads)
            size = len(self._messages)
        finally:
            self._leave()
        if woken is not None:
            _wake(woken)
        return Receipt(len(payloads), size, at)

    def join_for_room(self, waiter: RoomWaiter) -> bool:
        """Stand in the line for room; tell whether there is something to see at once.

        The owner is woken once its payloads are in the queue, or never will be. Every join ends
        in one :meth:`leave_room`, which says how it went.
        """
        waiter.queue = self
        woken: list[Waiter | RoomWaiter] = []
        with self._lock:
            self._producers[waiter] = None
            # Of the producers only the newcomer can be admitted here: those ahead found no room.
            # Consumers may wait for it by now, if the queue ran empty since it was refused.
            self._admit_producers(woken)
            done = waiter not in self._producers or self._closed
        _wake([other for other in woken if other is not waiter])
        return done

    def leave_room(self, waiter: RoomWaiter) -> Receipt:
        """Quit the line for room and return the receipt won in the meantime.

        Raises:
            QueueFull: there was no room so far. This refusal is counted.
            MemoryLimit: the turn came, but the shared budget was spent.
            QueueClosed: the queue takes no more messages.
        """
        woken: list[Waiter | RoomWaiter] = []
        with self._lock:
            if self._producers.pop(waiter, self) is None:
                # Whoever stood behind a large batch may fit once it is gone.
                self._admit_producers(woken)
                if waiter.error is None:
                    waiter.error = (
                        self._closed_error()
                        if self._closed
                        else self._no_room(len(waiter.payloads), waits=False)
                    )
        _wake(woken)
        if waiter.receipt is not None:
            return waiter.receipt
        raise waiter.error or QueueClosed(f"this producer never waited for queue {self.name!r}")

    # -- consumers -------------------------------------------------------------------------

    def dequeue(self, timeout: float | None = 0) -> Message | None:
        """Take the oldest message, waiting up to ``timeout`` seconds (None: for ever) for one.

        Returns None when nothing came in time. Consumers are served in the order in which they
        began to wait.

        Raises:
            QueueClosed: the queue is closed and has nothing left.
        """
        self._enter()
        try:
            if self._messages and not self._producers:
                message = self._messages.popleft()
                cost = len(message.payload) + MESSAGE_OVERHEAD
                self._bytes -= cost
                if self._budget is not None:
                    self._budget.release(cost)
                return message
        finally:
            self._leave()
        messages = self.dequeue_many(1, timeout)
        return messages[0] if messages else None

    def dequeue_many(self, count: int, timeout: float | None = 0) -> list[Message]:
        """Take up to ``count`` messages, oldest first, as soon as at least one is there.

        Waits up to ``timeout`` seconds (None: for ever) and returns an empty list when nothing
        came in time.

        Raises:
            QueueClosed: the queue is closed and has nothing left.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        messages = self.poll(count, waits=timeout != 0).messages
        if not messages and timeout != 0:
            messages = self._wait_for_messages(count, timeout)
        if not messages:
            self._check_not_exhausted()
        return messages

    def _wait_for_messages(self, count: int, timeout: float | None) -> list[Message]:
        """Stand in line with the calling thread and return what it was given in time."""
        bell = Bell(self._lock)
        waiter = Waiter(bell.ring, count)
        try:
            expired = not self.join(waiter) and not bell.sleep(deadline_after(timeout))
        except BaseException:
            # Interrupted, by Ctrl-C perhaps: a place in line that nobody looks at any more would
            # swallow a message.
            self.put_back(self.leave(waiter).messages)
            raise
        return self.leave(waiter, expired=expired).messages

    def _check_not_exhausted(self) -> None:
        with self._lock:
            if self._closed and not self._messages:
                raise self._closed_error()

    def poll(
        self, count: int = 1, max_bytes: int | None = None, *, waits: bool = False
    ) -> Delivery:
        """Take up to ``count`` messages without waiting; the delivery is empty if none is there.

        ``max_bytes`` bounds the sum of their payloads, except that one message is always taken.
        ``waits`` says that the caller will wait if nothing is there, so that an empty answer
        does not yet count in ``dequeue_timeout_total``.
        """
        woken: list[Waiter | RoomWaiter] | None = None
        self._enter()
        try:
            queued = self._messages
            if not queued:
                if not waits:
                    self._dequeue_timeout_total += 1
                return Delivery([], 0)
            if count == 1:
                message = queued.popleft()
                taken = [message]
                self._free(len(message.payload) + MESSAGE_OVERHEAD)
            else:
                taken = self._take(count, max_bytes)
            if self._producers:
                woken = []
                self._admit_producers(woken)
            size = len(queued)
        finally:
            self._leave()
        if woken is not None:
            _wake(woken)
        return Delivery(taken, size)

    def join(self, waiter: Waiter) -> bool:
        """Stand in line for messages; tell whether there is something to see at once.

        The owner is woken once messages were put into its slot, or never will be. Every join
        ends in one :meth:`leave`, whatever happened: delivery, time-out, hang-up, closing.
        """
        waiter.queue = self
        woken: list[Waiter | RoomWaiter] = []
        with self._lock:
            self._consumers[waiter] = None
            if self._messages:
                self._hand_over(self._take(waiter.count, waiter.max_bytes))
                self._admit_producers(woken)
            done = waiter not in self._consumers or self._closed
        _wake(woken)
        return done

    def leave(self, waiter: Waiter, *, expired: bool = False) -> Delivery:
        """Quit the line and return what was handed over in the meantime, perhaps nothing.

        May be called from any thread and more than once; only one call gets the messages.
        ``expired`` says that the time ran out, which counts if nothing was handed over.
        """
        with self._lock:
            in_line = self._consumers.pop(waiter, self) is None
            messages, waiter.messages = waiter.messages, None
            if expired and in_line:
                self._dequeue_timeout_total += 1
            return Delivery(messages or [], len(self._messages))

    def when_ready(self, callback: Callable[[], None], count: int = 1) -> Waiter:
        """Have ``callback()`` called when messages were set aside for it, or never will be.

        For consumers that hold no thread. The callback runs on the thread of the producer, or
        at once on this one if messages are there; it must neither block nor raise.
        ``leave(waiter)`` with the waiter returned here collects the messages, or cancels.
        """
        waiter = Waiter(callback, count)
        if self.join(waiter):
            callback()
        return waiter

    def put_back(self, messages: Sequence[Message]) -> int:
        """Return undelivered messages to the head, or to whoever waits; tell how many were kept.

        They keep their order and time stamps, and may fill the queue above its capacity. Only a
        queue closed with ``discard`` keeps none.
        """
        if not messages:
            return 0
        with self._lock:
            if self._discarding:
                return 0
            self._put_back_total += len(messages)
            rest = list(messages)
            woken = self._hand_over(rest)
            if rest:
                self._messages.extendleft(reversed(rest))
                cost = cost_of(rest)
                self._bytes += cost
                if self._budget is not None:
                    self._budget.charge(cost)
        _wake(woken)
        return len(messages)

    # -- administration --------------------------------------------------------------------

    def peek(self, count: int = 1, max_bytes: int | None = None) -> Delivery:
        """Look at up to ``count`` of the oldest messages without taking them."""
        with self._lock:
            messages = list(islice(self._messages, count))
            if max_bytes is not None:
                del messages[_count_within(messages, max_bytes) :]
            return Delivery(messages, len(self._messages))

    def purge(self) -> int:
        """Drop every message and tell how many there were. Producers that wait get the room."""
        woken: list[Waiter | RoomWaiter] = []
        with self._lock:
            purged = self._drop_all()
            self._admit_producers(woken)
        _wake(woken)
        return purged

    def close(self, *, discard: bool = False) -> int:
        """Take no more messages and let nobody wait; return how many messages were dropped.

        Everybody who waits is woken. What is queued can still be dequeued, unless ``discard``
        drops it, with all that is put back later.
        """
        with self._lock:
            self._closed = True
            self._discarding = self._discarding or discard
            woken: list[Waiter | RoomWaiter] = [*self._consumers, *self._producers]
            dropped = self._drop_all() if discard else 0
        _wake(woken)
        return dropped

    @property
    def closed(self) -> bool:
        """Whether the queue takes no more messages."""
        with self._lock:
            return self._closed

    def stats(self) -> QueueStats:
        """Return one consistent snapshot of size, counters and lines."""
        with self._lock:
            return QueueStats(
                name=self.name,
                size=len(self._messages),
                capacity=self.capacity,
                bytes=self._bytes,
                oldest_enqueued_at=self._messages[0].enqueued_at if self._messages else None,
                enqueued_total=self._enqueued_total,
                # Derived, so that nothing can be lost between two counters.
                dequeued_total=self._enqueued_total
                + self._put_back_total
                - self._purged_total
                - len(self._messages),
                queue_full_total=self._queue_full_total,
                dequeue_timeout_total=self._dequeue_timeout_total,
                put_back_total=self._put_back_total,
                purged_total=self._purged_total,
                waiting_consumers=len(self._consumers),
                waiting_producers=len(self._producers),
            )

    # -- below: the caller holds the lock -----------------------------------------------------

    def _append(self, payloads: Sequence[bytes], at: int) -> None:
        """Append to the deque, charging the budget first."""
        if not payloads:
            return
        single = len(payloads) == 1  # a way of its own spares half of this method's time
        if single:
            cost = len(payloads[0]) + MESSAGE_OVERHEAD
        else:
            cost = sum(map(len, payloads)) + MESSAGE_OVERHEAD * len(payloads)
        if self._budget is not None:
            self._budget.reserve(cost)
        if single:
            self._messages.append(Message(payloads[0], at))
        else:
            self._messages.extend(map(Message, payloads, repeat(at)))
        self._bytes += cost

    def _append_past_waiters(self, payloads: Sequence[bytes], at: int) -> list[Waiter]:
        """Hand the first messages to those in line and append the rest; return whom to wake."""
        wanted = 0
        for waiter in self._consumers:
            wanted += waiter.count
            if wanted >= len(payloads):
                break
        # Append before handing over: the budget may refuse the rest, and then nothing has moved.
        self._append(payloads[wanted:], at)
        return self._hand_over([Message(payload, at) for payload in payloads[:wanted]])

    def _hand_over(self, messages: list[Message]) -> list[Waiter]:
        """Move messages from the front of the list into the slots of the line; return whose."""
        woken: list[Waiter] = []
        while messages and self._consumers:
            waiter, _ = self._consumers.popitem(last=False)
            waiter.messages = messages[: waiter.count]
            del messages[: waiter.count]
            woken.append(waiter)
        return woken

    def _admit_producers(self, woken: list[Waiter | RoomWaiter]) -> None:
        """Let producers in, longest waiter first, while their batches fit."""
        while self._producers and not self._closed:
            waiter = next(iter(self._producers))
            excess = len(waiter.payloads) > self.capacity
            if not excess and len(self._messages) + len(waiter.payloads) > self.capacity:
                return
            del self._producers[waiter]
            woken.append(waiter)
            if excess:  # the queue it stood in line for was larger
                waiter.error = self._no_room(len(waiter.payloads), waits=False)
                continue
            at = now_us()
            try:
                woken += self._append_past_waiters(waiter.payloads, at)
            except MemoryLimit as error:
                waiter.error = error
                continue
            self._enqueued_total += len(waiter.payloads)
            waiter.receipt = Receipt(len(waiter.payloads), len(self._messages), at)

    def _take(self, count: int, max_bytes: int | None) -> list[Message]:
        """Take up to ``count`` messages, at least one, with payloads of up to ``max_bytes``."""
        queued = self._messages
        if count >= len(queued):
            taken, cost = list(queued), self._bytes
            queued.clear()
        else:
            popleft = queued.popleft
            taken = [popleft() for _ in repeat(None, count)]
            cost = cost_of(taken)
        # Looked at only where it may matter: adding up costs more than taking.
        if max_bytes is not None and cost > max_bytes:
            fitting = _count_within(taken, max_bytes)
            queued.extendleft(reversed(taken[fitting:]))
            del taken[fitting:]
            cost = cost_of(taken)
        self._free(cost)
        return taken

    def _free(self, cost: int) -> None:
        self._bytes -= cost
        if self._budget is not None:
            self._budget.release(cost)

    def _drop_all(self) -> int:
        dropped = len(self._messages)
        self._messages.clear()
        self._free(self._bytes)
        self._purged_total += dropped
        return dropped

    def _no_room(self, count: int, waits: bool) -> QueueFull | BatchExceedsCapacity:
        """Return why ``count`` messages do not fit, counting it unless the producer waits."""
        if count > self.capacity:
            return BatchExceedsCapacity(
                f"a batch of {count} messages can never fit into a queue of {self.capacity}: "
                "send smaller batches",
                queue_name=self.name,
                queue_capacity=self.capacity,
                count=count,
            )
        if not waits:
            self._queue_full_total += 1
        return QueueFull(
            "the queue is full: consume faster, or send again later",
            queue_name=self.name,
            queue_capacity=self.capacity,
            queue_size=len(self._messages),
        )

    def _closed_error(self) -> QueueClosed:
        return QueueClosed(f"queue {self.name!r} is closed", queue_name=self.name)


def _count_within(messages: Sequence[Message], max_bytes: int) -> int:
    """Return how many of the first messages have payloads of up to ``max_bytes``, at least 1."""
    total = 0
    for fitting, message in enumerate(messages):
        total += len(message.payload)
        if total > max_bytes:
            return max(fitting, 1)
    return len(messages)


def _wake(waiters: Sequence[Waiter | RoomWaiter]) -> None:
    """Wake the owners. Never called under a lock, for a wake-up may take one of its own."""
    for waiter in waiters:
        waiter.wake()
