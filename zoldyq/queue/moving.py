"""Messages that come from another queue: as they are, and as many as there is room for.

A move never holds the locks of two queues. It takes messages from the one, and then appends them to
the other; in between they belong to the caller, who puts back what was not taken in
(:meth:`zoldyq.queue.manager.QueueManager.move`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from zoldyq.queue.line import wake_all
from zoldyq.queue.message import (
    MESSAGE_OVERHEAD,
    Delivery,
    LimitedMessage,
    Message,
    cost_of,
    now_us,
)
from zoldyq.queue.waiting import Waiting


class Moving(Waiting):
    """A queue that takes in the messages of another one."""

    __slots__ = ()

    def room(self, most: int) -> int:
        """Return how many messages would be taken in now, of up to ``most`` without a payload."""
        with self._lock:
            return self._room(most)

    def take_in(self, messages: Sequence[Message]) -> int:
        """Append as many of the first messages as there is room for; tell how many that are.

        They keep their time stamps and their own lifetimes; the lifetime of this queue holds for
        them as well. Consumers that wait get them first. Producers that wait came earlier, so
        nothing is taken in while there are any. No older message is dropped for one that is moved.

        Raises:
            MemoryLimit: the budget shared with other queues is spent; nothing was taken in.
            QueueClosed: the queue was deleted. ShuttingDown: the server is stopping.
        """
        with self._lock:
            if self._closed:
                raise self._closed_error()
            wanted = self._wanted(len(messages))
            count = self._fitting(messages, wanted)
            now = now_us()
            living = [each for each in messages[:count] if self._expiry(each) > now]
            first = self._append_as_they_are(living, wanted)
            self._next += count - len(living)  # those came, and went at once
            self._expired_total += count - len(living)
            woken, _ = self._hand_over(first)
            self._look_for_detours()
        wake_all(woken)
        return count

    # -- below: the caller holds the lock --------------------------------------------------------

    def _room(self, most: int) -> int:
        if self._producers or self._closed:
            return 0
        wanted = self._wanted(most)
        room = max(self.capacity - len(self._messages), 0)
        if self._max_bytes is not None:
            room = min(room, max(self._max_bytes - self._bytes, 0) // MESSAGE_OVERHEAD)
        return min(wanted + room, most)

    def _wanted(self, most: int) -> int:
        """Return how many messages those who wait would take, up to ``most``."""
        wanted = 0
        for place in self._consumers:
            if wanted >= most:
                break
            wanted += place.count
        return min(wanted, most)

    def _fitting(self, messages: Sequence[Message], wanted: int) -> int:
        """Return how many of the first messages are taken in; the first ``wanted`` take no room."""
        count = self._room(len(messages))
        if self._max_bytes is None:
            return count
        left = self._max_bytes - self._bytes
        for place, message in enumerate(messages[wanted:count], start=wanted):
            left -= len(message.payload) + MESSAGE_OVERHEAD
            if left < 0:
                return place
        return count

    def _append_as_they_are(self, messages: Sequence[Message], wanted: int) -> Delivery:
        """Append messages but the first ``wanted``, which are returned for those who wait."""
        passing, rest = list(messages[:wanted]), messages[wanted:]
        cost = cost_of(rest)
        if self._budget is not None:
            self._budget.reserve(cost)
        first = self._next
        self._next += len(messages)
        if rest:
            self._bytes += cost
            self._note_lifetimes(rest)
            self._messages.extend(rest)
        return Delivery(passing, 0, range(first, first + len(passing)))

    def _note_lifetimes(self, coming: Sequence[Message]) -> None:
        """Have lifetimes looked at one by one where messages do not expire in their order."""
        tail = [self._messages[-1]] if self._messages else []
        in_order = all(
            earlier.enqueued_at <= later.enqueued_at
            for earlier, later in pairwise([*tail, *coming])
        )
        if not in_order or any(type(each) is LimitedMessage for each in coming):
            self._irregular = self._mortal = True
        if self._mortal:
            self._set_soonest(min(self._soonest, *map(self._expiry, coming)))
