"""Enqueues and dequeues on their way through Redis: they look like places in a queue's line.

Both are settled by the thread of the engine's loop. A settled one never changes again, except that
its messages are handed out once.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from zoldyq.contract.errors import ZoldyQError
from zoldyq.engine.call import charge_of, pack_messages
from zoldyq.queue import Delivery, Receipt, Wake

if TYPE_CHECKING:
    from zoldyq.engine.channel import Channel


class State(enum.Enum):
    """How far an operation has come."""

    QUEUED = "it goes with the next call"
    SENT = "a call carries it, and has no reply yet"
    WAITING = "it has a place in line"
    GIVEN = "its messages are here, and not confirmed yet"
    SETTLED = "its owner knows"


class Leaver(Protocol):
    """What a place needs of its engine, from any thread."""

    def leave(self, place: Take | Offer, expired: bool) -> None:
        """Have the place leave its line; its owner is woken once that is settled."""


class Take:
    """A dequeue of up to ``count`` messages, with payloads of up to ``max_bytes`` in all.

    If it ``waits`` where there is no message, its place in line is for ``in_line`` messages.
    ``stood`` says that it did.
    """

    __slots__ = (
        "_lock",
        "_owner",
        "began",
        "channel",
        "count",
        "delivery",
        "error",
        "expired",
        "gone",
        "in_line",
        "max_bytes",
        "settled",
        "state",
        "stood",
        "token",
        "waits",
        "wake",
    )

    def __init__(
        self,
        owner: Leaver,
        count: int,
        max_bytes: int,
        wake: Wake,
        *,
        waits: bool,
        in_line: int | None = None,
    ) -> None:
        self.count = count
        self.in_line = in_line or count
        self.stood = False
        self.max_bytes = max_bytes
        self.wake = wake
        self.waits = waits
        self.began = 0.0  # when the engine took it over, in seconds of the monotonic clock
        self.channel: Channel | None = None  # set then, by the engine's thread
        self.state = State.QUEUED
        self.token = ""
        self.gone = False  # its owner wants nothing any more
        self.expired = False  # its time is up
        self.settled = False
        self.error: ZoldyQError | None = None
        self.delivery: Delivery | None = None  # guarded by the lock once it is settled
        self._owner = owner
        self._lock = threading.Lock()

    def leave(self, expired: bool = False) -> Delivery | None:
        """Return what came, or None: not settled yet, the owner is woken once it is.

        Raises:
            ZoldyQError: why there is no answer.
        """
        if not self.settled:
            self._owner.leave(self, expired)
        if not self.settled:
            return None
        if self.error is not None:
            raise self.error
        return self.hand_out() or Delivery([], 0)

    def hand_out(self) -> Delivery | None:
        """Return what came, to one caller alone."""
        with self._lock:
            delivery, self.delivery = self.delivery, None
        return delivery


class Offer:
    """An enqueue of messages, all or none. ``messages`` are as they stand in the list.

    ``at`` is their time stamp in microseconds since the epoch, ``ttl`` their own lifetime in
    microseconds, if any. ``charge`` are the bytes that the queue is charged for them. ``stood``
    says that it had to wait for room.
    """

    __slots__ = (
        "_owner",
        "at",
        "began",
        "channel",
        "charge",
        "error",
        "expired",
        "gone",
        "messages",
        "payloads",
        "receipt",
        "sent",
        "settled",
        "state",
        "stood",
        "token",
        "ttl",
        "waits",
        "wake",
    )

    def __init__(
        self,
        owner: Leaver,
        payloads: Sequence[bytes],
        at: int,
        ttl: int | None,
        wake: Wake,
        *,
        waits: bool,
    ) -> None:
        self.payloads = payloads
        self.ttl = ttl
        self.stamp(at)
        self.charge = charge_of(self.messages)
        self.stood = False
        self.wake = wake
        self.waits = waits
        self.began = 0.0
        self.channel: Channel | None = None
        self.state = State.QUEUED
        self.sent = False  # whether any call has carried its messages
        self.token = ""
        self.gone = False
        self.expired = False
        self.settled = False
        self.error: ZoldyQError | None = None
        self.receipt: Receipt | None = None
        self._owner = owner

    def stamp(self, at: int) -> None:
        """Have the messages enqueued at this time: their lives begin then."""
        self.at = at
        self.messages = pack_messages(self.payloads, at, self.ttl and at + self.ttl)

    def leave(self, expired: bool = False) -> Receipt | None:
        """Return the receipt, or None: not settled yet, the owner is woken once it is.

        Raises:
            ZoldyQError: why the messages were refused, or why nobody knows.
        """
        if not self.settled:
            self._owner.leave(self, expired)
        if not self.settled:
            return None
        if self.error is not None:
            raise self.error
        return self.receipt


Place = Take | Offer
