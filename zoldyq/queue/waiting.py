"""The two lines of a queue, and how the places in them are settled.

Messages are handed over, not announced. A consumer that finds nothing stands in line; the next
enqueue settles the place of the consumer that has waited longest, under the lock, and wakes it
afterwards. Producers that find no room stand in a line of their own in the same way. So nobody
overtakes: with a bare ``Condition.notify()`` a late ``get`` of ``queue.Queue`` took the message
ahead of the longest waiter five times in five.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from zoldyq.contract.errors import MemoryLimit, QueueClosed, QueueFull, ShuttingDown
from zoldyq.contract.policy import Policy
from zoldyq.queue.line import ConsumerPlace, Place, ProducerPlace, Wake, wake_all
from zoldyq.queue.memory import MemoryBudget
from zoldyq.queue.message import Delivery, Receipt, now_us
from zoldyq.queue.room import cost_of_payloads, never_fits, queue_full
from zoldyq.queue.store import CLOCK, CLOSED, Store


class Waiting(Store):
    """The messages of a queue, and those who wait for messages or for room.

    ``when_unused`` is called with the queue's name whenever the last consumer that waited has
    left.
    """

    __slots__ = (
        "_closed",
        "_consumers",
        "_discarding",
        "_producers",
        "_stopping",
        "_when_unused",
        "name",
    )

    def __init__(
        self,
        name: str,
        policy: Policy,
        budget: MemoryBudget | None,
        first: int,
        when_unused: Callable[[str], None] | None,
    ) -> None:
        super().__init__(policy, budget, first)
        self.name = name
        self._when_unused = when_unused
        # The two lines, longest waiter first, guarded by the store's lock. OrderedDict, for
        # taking the first of 20,000 from a plain dict was dozens of times slower.
        # Invariant: when consumers wait there is no message, and so no producer waits either.
        self._consumers: OrderedDict[ConsumerPlace, None] = OrderedDict()
        self._producers: OrderedDict[ProducerPlace, None] = OrderedDict()
        self._closed = False
        self._stopping = False  # whether it was closed because the server stops
        self._discarding = False
        self._look_for_detours()

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
        if unused and self._when_unused is not None:
            self._when_unused(self.name)
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
                    place.error = (
                        never_fits(self.name, self._policy, place.payloads) or self._queue_full()
                    )
                    self._queue_full_total += expired
                # A producer behind a large batch may fit once that is gone.
                woken = self._admit_producers()
                self._look_for_detours()
        wake_all(woken)
        if place.receipt is not None:
            return place.receipt
        assert place.error is not None, "a producer leaves with a receipt or an error"
        raise place.error

    # -- below: the caller holds the lock -----------------------------------------------------

    def _look_for_detours(self) -> None:
        """Open or close the quick ways, after a change of lines, numbers or the queue's end."""
        self._detour_in = (
            bool(self._consumers or self._producers) or self._closed or self._max_bytes is not None
        )
        self._detour_out = CLOCK if self._mortal else 0
        if self._producers or self._numbers:
            self._detour_out = CLOSED
        self._replaces = self._drops_oldest and self._detour_out != CLOSED

    def _surplus_for(self, payloads: Sequence[bytes]) -> int:
        """Return how many of the oldest messages stand in the way of new ones."""
        cost = 0 if self._max_bytes is None else cost_of_payloads(payloads)
        return self._surplus(len(payloads), cost)

    def _surplus_to_drop(self, payloads: Sequence[bytes]) -> int:
        """Return how many of the oldest go for new ones. Raises what :func:`never_fits` gives."""
        refusal = never_fits(self.name, self._policy, payloads)
        if refusal is not None:
            raise refusal
        return self._surplus_for(payloads)

    def _expire_for(self, payloads: Sequence[bytes]) -> list[Place]:
        """Drop what has expired until new messages fit; return whom to wake."""
        woken: list[Place] = []
        while self._mortal and (now := now_us()) >= self._soonest and self._surplus_for(payloads):
            if not self._expire(now):
                break
            woken += self._admit_producers()
        self._look_for_detours()
        return woken

    def _stand_in_line(
        self, payloads: Sequence[bytes], ttl: int | None, wake: Wake | None
    ) -> ProducerPlace:
        """Give a producer a place in line. Raises QueueFull, and what :func:`never_fits` gives."""
        refusal = never_fits(self.name, self._policy, payloads)
        if refusal is not None:
            raise refusal
        if wake is None:
            self._queue_full_total += 1
            raise self._queue_full()
        place = ProducerPlace(self, wake, payloads, ttl)
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

    def _append_past_line(
        self, payloads: Sequence[bytes], at: int, ttl: int | None, dropping: int = 0
    ) -> list[Place]:
        """Hand the first messages to those in line and append the rest; return whom to wake."""
        if not self._consumers:
            self._append(payloads, at, ttl, dropping)
            return []
        wanted = 0
        for place in self._consumers:
            wanted += place.count
            if wanted >= len(payloads):
                break
        # Append before handing over: the budget may refuse the rest, and then nothing has moved.
        passing = self._append_beyond(wanted, payloads, at, ttl)
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
            payloads = place.payloads
            # It may have been refused for ever by a change of the policy.
            refusal = never_fits(self.name, self._policy, payloads)
            surplus = 0 if refusal else self._surplus_for(payloads)
            if surplus and not self._drops_oldest:
                break
            del self._producers[place]
            place.settled = True
            woken.append(place)
            if refusal is not None:
                place.error = refusal
                continue
            at = now_us()
            try:
                woken += self._append_past_line(payloads, at, place.ttl, surplus)
            except MemoryLimit as error:
                place.error = error
            else:
                place.receipt = Receipt(len(payloads), len(self._messages), at, surplus)
        return woken

    def _queue_full(self) -> QueueFull:
        return queue_full(
            self.name, self._policy, len(self._messages), self._bytes, len(self._producers)
        )

    def _closed_error(self) -> QueueClosed | ShuttingDown:
        if self._stopping:
            return ShuttingDown("the server is shutting down: send the message elsewhere, or later")
        return QueueClosed(f"queue {self.name!r} is closed", queue_name=self.name)
