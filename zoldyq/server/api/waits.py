"""Requests that stand in line: what a server does with one, whichever server it is.

A server parks the request and calls ``finish`` when the wait was woken, or when its time is up;
or ``abandon`` when the client has gone.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar

from zoldyq import wire
from zoldyq.contract.errors import QueueClosed, ZoldyQError
from zoldyq.metrics.durations import Durations
from zoldyq.queue import ConsumerPlace, Delivery, ProducerPlace, Queues, Receipt, Wake
from zoldyq.wire import Reply

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class Wait(Protocol[_T_co]):
    """A request that stands in line. ``timeout`` is how long it may, in seconds.

    One that does not ``stand`` waits only for the answer of queues that live elsewhere.
    """

    timeout: float
    stands: bool

    def finish(self, *, expired: bool = False) -> _T_co | None:
        """Return the outcome, or None: not settled yet, stay parked, you will be woken.

        ``expired`` says that the time is up: the request quits the line and takes what it won.
        Even then a queue that lives elsewhere may need a moment to tell, and return None.
        """

    def abandon(self) -> None:
        """Quit the line because the client has gone. May be called more than once."""


#: Is told that a wait is over.
Ended = Callable[[Any], None]


def tell_nobody(_wait: Any) -> None:
    """Take note of nothing: the wait is in no list."""


class DequeueWait(Generic[_T]):
    """A dequeue that found nothing. ``render`` makes the outcome of what came in the end."""

    stands = True

    def __init__(
        self,
        queues: Queues,
        name: str,
        place: ConsumerPlace,
        *,
        timeout: float,
        began: float,
        durations: Durations,
        render: Callable[[Delivery], _T],
        ended: Ended = tell_nobody,
    ) -> None:
        self.timeout = timeout
        self._ended = ended
        self._queues = queues
        self._name = name
        self._place = place
        self._began = began
        self._durations = durations
        self._render = render

    def finish(self, *, expired: bool = False) -> _T | None:
        """Quit the line and return what was handed over, or that nothing came."""
        if not (expired or self._place.settled):
            return None
        delivery = self._place.leave(expired)
        try:
            outcome = self._render(delivery)
            self._durations.observe(perf_counter() - self._began)
            self._ended(self)
        except BaseException:
            give_back(self._queues, self._name, delivery)
            raise
        return outcome

    def abandon(self) -> None:
        """Quit the line because the consumer has gone; what it was given goes back."""
        give_back(self._queues, self._name, self._place)
        self._ended(self)


def give_back(queues: Queues, name: str, taken: Delivery | ConsumerPlace) -> None:
    """Return to its queue what a dequeue has taken, or quit the line that it stands in."""
    delivery = taken.leave() if isinstance(taken, ConsumerPlace) else taken
    if delivery.messages:
        queues.put_back(name, delivery)


class EnqueueWait:
    """An enqueue that found no room."""

    stands = True

    def __init__(
        self,
        queues: Queues,
        name: str,
        place: ProducerPlace,
        *,
        timeout: float,
        began: float,
        durations: Durations,
        batch: bool,
        ended: Ended = tell_nobody,
    ) -> None:
        self.timeout = timeout
        self._ended = ended
        self._queues = queues
        self._name = name
        self._place = place
        self._began = began
        self._durations = durations
        self._batch = batch

    def finish(self, *, expired: bool = False) -> Reply | None:
        """Quit the line and acknowledge, or raise why the messages were refused.

        A producer whose queue was deleted spends the rest of its time in the line of the queue
        that has the name now.

        Raises:
            QueueFull, BatchExceedsCapacity, MemoryLimit, MaxQueuesReached, ShuttingDown: nothing
                was queued.
        """
        receipt = None
        while receipt is None:
            if not (expired or self._place.settled):
                return None
            try:
                receipt = self._place.leave(expired)
            except QueueClosed:
                receipt = self._begin_anew(None if expired else self._place.wake)
        reply = wire.enqueue_reply(self._name, receipt, self._batch)
        self._durations.observe(perf_counter() - self._began)
        self._ended(self)
        return reply

    def _begin_anew(self, wake: Wake | None) -> Receipt | None:
        place = self._place
        outcome = self._queues.begin_enqueue(self._name, place.payloads, ttl=place.ttl, wake=wake)
        if isinstance(outcome, Receipt):
            return outcome
        self._place = outcome
        return None

    def abandon(self) -> None:
        """Quit the line because the producer has gone. What got in already stays queued."""
        with suppress(ZoldyQError):  # there is nobody left to tell
            self._place.leave()
        self._ended(self)
