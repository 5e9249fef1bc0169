"""One named FIFO queue: bounded, fair to those who wait, and exact in what it counts.

Messages are handed over, not announced. A consumer that finds nothing stands in line; the next
enqueue settles the place of the consumer that has waited longest, under the lock, and wakes it
afterwards. Producers that find no room stand in a line of their own in the same way. So nobody
overtakes: with a bare ``Condition.notify()`` a late ``get`` of ``queue.Queue`` took the message
ahead of the longest waiter five times in five.

Everything is decided under the lock and done after it: ``wake()`` runs without any lock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from zoldyq.contract.errors import (
    BatchExceedsCapacity,
    MemoryLimit,
    QueueClosed,
    QueueFull,
    ShuttingDown,
)
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
from zoldyq.queue.message import Delivery, Message, Receipt, now_us
from zoldyq.queue.store import Store


class MessageQueue(Store):
    """A FIFO of messages with at most ``capacity`` in it, safe to use from any thread.

    ``budget``, where given, is shared with other queues and bounds the bytes of all of them.
    ``first`` is the number of the first message; ``when_unused`` is called whenever the last
    consumer that waited has left.
    """

    def __init__(
        self,
        name: str,
        capacity: int,
        budget: MemoryBudget | None = None,
        *,
        first: int = 0,
        when_unused: Callable[[MessageQueue], None] | None = None,
    ) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, not {capacity}")
        super().__init__(capacity, budget, first)
        self.name = name
        self.when_unused = when_unused
        # The two lines, longest waiter first, guarded by the store's lock. OrderedDict, for
        # taking the first of 20,000 from a plain dict was dozens of times slower.
        # Invariant: when consumers wait there is no message, and so no producer waits either.
        self._consumers: OrderedDict[ConsumerPlace, None] = OrderedDict()
        self._producers: OrderedDict[ProducerPlace, None] = OrderedDict()
        self._closed = False
        self._stopping = False  # whether it was closed because the server stops
        self._discarding = False

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

    def begin_enqueue(
        self, payloads: Sequence[bytes], at: int | None = None, *, wake: Wake | None = None
    ) -> Receipt | ProducerPlace:
        """Append messages in order, all of them or none, or stand in the line for room.

        ``at`` is their time stamp in microseconds since the epoch (None: now). Where there is no
        room, a caller with a ``wake`` gets a place in line, and is woken once the messages are
        in the queue or never will be. It owes the place one :meth:`~ProducerPlace.leave`.

        Raises:
            QueueFull: there is no room, and no ``wake`` was given.
            BatchExceedsCapacity, MemoryLimit, QueueClosed, ShuttingDown: as :meth:`enqueue_many`.
        """
        if at is None:
            at = now_us()
        woken: list[Place] | None = None
        self._acquire()
        try:
            if self._detour_in or len(self._messages) + len(payloads) > self.capacity:
                if self._closed:
                    raise self._closed_error()
                if self._lacks_room(len(payloads)):
                    return self._stand_in_line(payloads, wake)
                woken = self._append_past_line(payloads, at)
            else:
                self._append(payloads, at)
            size = len(self._messages)
        finally:
            self._release()
        if woken is not None:
            wake_all(woken)
        return Receipt(len(payloads), size, at)

    def begin_dequeue(
        self,
        count: int = 1,
        max_bytes: int | None = None,
        *,
        wake: Wake | None = None,
        in_line: int | None = None,
    ) -> Delivery | ConsumerPlace:
        """Take up to ``count`` messages, or stand in line for them.

        ``max_bytes`` bounds the sum of the payloads taken at once, except that one message is
        always taken. Where nothing is there, a caller with a ``wake`` gets a place in line for
        ``in_line`` messages (None: ``count``), and is woken once some were handed over or never
        will be. It owes the place one :meth:`~ConsumerPlace.leave`. Without a ``wake``, and in a
        queue that was closed, the delivery is empty.
        """
        woken: list[Place] = []
        self._acquire()
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
            self._release()
        wake_all(woken)
        return Delivery(delivery.messages, size, delivery.numbers)

    def put_back(self, back: Delivery | Sequence[Message]) -> int:
        """Return undelivered messages to where they were, or to those who wait; tell how many
        were kept.

        Bare messages go to the head. They keep their order and time stamps, and may fill the
        queue above its capacity. Only a queue closed with ``discard`` keeps none.
        """
        with self._lock:
            if not isinstance(back, Delivery):
                back = self._with_numbers(back)
            count = len(back.messages)
            if self._discarding or not count:
                return 0
            self._put_back_total += count
            woken, rest = self._hand_over(back)
            if rest.messages:
                self._insert(rest)
            self._look_for_detours()
        wake_all(woken)
        return count

    # -- lines: what a place asks for -----------------------------------------------------------

    def leave_consumers(self, place: ConsumerPlace, expired: bool) -> Delivery:
        """Take a consumer out of the line; see :meth:`ConsumerPlace.leave`."""
        with self._lock:
            if place in self._consumers:
                del self._consumers[place]
                self._dequeue_timeout_total += expired
                self._look_for_detours()
            given, place.delivery = place.delivery, None
            unused = not self._consumers
            size = len(self._messages)
        if unused and self.when_unused is not None:
            self.when_unused(self)
        if given is None:
            return Delivery([], size)
        return Delivery(given.messages, size, given.numbers)

    def leave_producers(self, place: ProducerPlace, expired: bool) -> Receipt:
        """Take a producer out of the line; see :meth:`ProducerPlace.leave`."""
        woken: list[Place] = []
        with self._lock:
            if place in self._producers:
                del self._producers[place]
                place.settled = True
                if self._closed:
                    place.error = self._closed_error()
                else:
                    place.error = self._no_room(len(place.payloads))
                    self._queue_full_total += expired
                # Whoever stood behind a large batch may fit once it is gone.
                woken = self._admit_producers()
                self._look_for_detours()
        wake_all(woken)
        if place.receipt is not None:
            return place.receipt
        assert place.error is not None, "a producer leaves with a receipt or an error"
        raise place.error

    # -- administration --------------------------------------------------------------------

    def purge(self) -> int:
        """Drop every message and tell how many there were. Producers that wait get the room."""
        with self._lock:
            purged = self._drop_all()
            woken = self._admit_producers()
            self._look_for_detours()
        wake_all(woken)
        return purged

    def close(self, *, discard: bool = False, stopping: bool = False) -> int:
        """Take no more messages and let nobody wait; return how many messages were dropped.

        Everybody who waits is woken. What is queued can still be dequeued, unless ``discard``
        drops it, with all that is put back later. Producers are told that the queue was deleted,
        or that the server is ``stopping``.
        """
        with self._lock:
            self._closed = True
            self._stopping = stopping
            self._discarding = self._discarding or discard
            woken: list[Place] = [*self._consumers, *self._producers]
            for place in woken:
                place.settled = True
            dropped = self._drop_all() if discard else 0
            self._look_for_detours()
        wake_all(woken)
        return dropped

    @property
    def closed(self) -> bool:
        """Whether the queue takes no more messages."""
        with self._lock:
            return self._closed

    def stats(self) -> QueueStats:
        """Return one consistent snapshot of size, counters and lines."""
        with self._lock:
            return self._stats(len(self._consumers), len(self._producers))

    # -- below: the caller holds the lock -----------------------------------------------------

    def _look_for_detours(self) -> None:
        """Open or close the quick ways, after a change of lines, numbers or the queue's end."""
        self._detour_in = bool(self._consumers or self._producers) or self._closed
        self._detour_out = bool(self._producers or self._numbers)

    def _lacks_room(self, count: int) -> bool:
        return bool(self._producers) or len(self._messages) + count > self.capacity

    def _stand_in_line(self, payloads: Sequence[bytes], wake: Wake | None) -> ProducerPlace:
        """Give a producer a place in line. Raises QueueFull, BatchExceedsCapacity."""
        if wake is None or len(payloads) > self.capacity:
            refusal = self._no_room(len(payloads))
            self._queue_full_total += isinstance(refusal, QueueFull)
            raise refusal
        place = ProducerPlace(self, wake, payloads)
        self._producers[place] = None
        self._look_for_detours()
        return place

    def _wait_for_messages(self, count: int, wake: Wake | None) -> Delivery | ConsumerPlace:
        if wake is None:
            self._dequeue_timeout_total += 1
        elif not self._closed:
            place = ConsumerPlace(self, wake, count)
            self._consumers[place] = None
            self._look_for_detours()
            return place
        return Delivery([], 0)

    def _append_past_line(self, payloads: Sequence[bytes], at: int) -> list[Place]:
        """Hand the first messages to those in line and append the rest; return whom to wake."""
        wanted = 0
        for place in self._consumers:
            wanted += place.count
            if wanted >= len(payloads):
                break
        # Append before handing over: the budget may refuse the rest, and then nothing has moved.
        passing = self._append_beyond(wanted, payloads, at)
        woken, _ = self._hand_over(passing)
        self._look_for_detours()
        return woken

    def _hand_over(self, delivery: Delivery) -> tuple[list[Place], Delivery]:
        """Settle the places of consumers; return whose, and what is left over."""
        assert self._lock.locked()
        woken: list[Place] = []
        messages, numbers, start = delivery.messages, delivery.numbers, 0
        while start < len(messages) and self._consumers:
            place, _ = self._consumers.popitem(last=False)
            end = start + place.count
            place.delivery = Delivery(messages[start:end], 0, numbers[start:end])
            place.settled = True
            woken.append(place)
            start = end
        return woken, delivery.rest(start) if start else delivery

    def _admit_producers(self) -> list[Place]:
        """Let producers in, longest waiter first, while their batches fit; return whom to wake."""
        assert self._lock.locked()
        woken: list[Place] = []
        while self._producers and not self._closed:
            place = next(iter(self._producers))
            count = len(place.payloads)
            excess = count > self.capacity  # the queue it stood in line for was larger
            if not excess and len(self._messages) + count > self.capacity:
                break
            del self._producers[place]
            place.settled = True
            woken.append(place)
            if excess:
                place.error = self._no_room(count)
                continue
            at = now_us()
            try:
                woken += self._append_past_line(place.payloads, at)
            except MemoryLimit as error:
                place.error = error
            else:
                place.receipt = Receipt(count, len(self._messages), at)
        return woken

    def _no_room(self, count: int) -> QueueFull | BatchExceedsCapacity:
        """Return why ``count`` messages do not fit."""
        if count > self.capacity:
            return BatchExceedsCapacity(
                f"a batch of {count} messages can never fit into a queue of {self.capacity}: "
                "send smaller batches",
                queue_name=self.name,
                queue_capacity=self.capacity,
                count=count,
            )
        ahead = len(self._producers)
        return QueueFull(
            "producers that came earlier wait for room in the queue: consume faster, wait with a "
            "timeout, or send again later"
            if ahead
            else "the queue is full: consume faster, or send again later",
            queue_name=self.name,
            queue_capacity=self.capacity,
            queue_size=len(self._messages),
            **({"waiting_producers": ahead} if ahead else {}),
        )

    def _closed_error(self) -> QueueClosed | ShuttingDown:
        if self._stopping:
            return ShuttingDown("the server is shutting down: send the message elsewhere, or later")
        return QueueClosed(f"queue {self.name!r} is closed", queue_name=self.name)
