"""How long the messages of a queue live, and when to look.

A message expires ``ttl_seconds`` of the queue after its time stamp, or sooner if it has a lifetime
of its own. What has expired is dropped once it is at the head. ``_soonest`` is a time before which
nothing in the queue expires, so that most calls need not look.
"""

from __future__ import annotations

from zoldyq.queue.message import LimitedMessage, Message, now_us
from zoldyq.queue.order import Order

#: A time that never comes, and a lifetime that never ends.
NEVER = 1 << 61

#: Messages that follow on one another have ascending time stamps but for this much, in
#: microseconds: the stamp is taken before the lock is, by an event loop once a turn.
_DISORDER = 1_000_000

#: Of so few messages it is worth finding the one that expires first.
_FEW = 200


class Lifetimes(Order):
    """Messages in their order, and when they expire. The caller holds the lock of the queue."""

    __slots__ = ("_irregular", "_mortal", "_soonest", "_soonest_ns", "_ttl")

    def __init__(self, first: int) -> None:
        super().__init__(first)
        self._ttl: int | None = None  # of the queue, in microseconds
        self._irregular = False  # whether there may be messages with a lifetime of their own
        self._mortal = False  # whether anything may expire
        self._soonest = self._soonest_ns = NEVER

    def _live_for(self, seconds: float | None) -> None:
        """Give all messages this lifetime, those that are queued, too; None for no end."""
        self._ttl = None if seconds is None else int(seconds * 1_000_000)
        self._set_soonest(0)  # not known until the messages have been looked at
        self._look_at_lifetimes()

    def _expiry(self, message: Message) -> int:
        """Return when a message expires, in microseconds since the epoch."""
        ttl = NEVER if self._ttl is None else self._ttl
        if type(message) is LimitedMessage and message.ttl < ttl:
            ttl = message.ttl
        return message.enqueued_at + ttl

    def _set_soonest(self, soonest: int) -> None:
        self._soonest = soonest
        self._soonest_ns = soonest * 1000

    def _look_at_lifetimes(self) -> None:
        """Find out again whether something may expire, and when the first may.

        Messages without a lifetime of their own expire in their order, but for a little disorder
        of their time stamps; so the head tells for all that are there and all that will come.
        """
        if not self._messages:
            self._irregular = False
        self._mortal = self._irregular or self._ttl is not None
        if not self._mortal:
            self._set_soonest(NEVER)
        elif not self._irregular:
            head = self._messages[0] if self._messages else Message(b"", now_us())
            self._set_soonest(self._expiry(head) - _DISORDER)
        elif len(self._messages) <= _FEW:
            self._set_soonest(min(map(self._expiry, self._messages)) - _DISORDER)
