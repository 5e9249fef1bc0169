"""Messages that a producer has and the server does not have yet: a bounded buffer, and figures.

A message waits, is being sent, and is done with: acknowledged, refused or dropped. Not safe
between threads: the owner holds a lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec


class ProducerStats(msgspec.Struct, frozen=True):
    """What became of a producer's messages, in this process.

    ``accepted`` = ``acknowledged`` + ``refused`` + ``dropped`` + ``pending``, at every moment.
    ``refused`` were not taken by the server, for good; ``dropped`` had to go from a full buffer, or
    when the producer was closed and its time was over. ``turned_away`` were never accepted:
    ``send`` raised BufferFull. ``resent`` were sent again without knowing whether the server has
    them, so it may have them twice; ``failures`` counts attempts. ``displaced`` older messages had
    to go from the queue for those acknowledged, where it drops its oldest.
    """

    accepted: int
    acknowledged: int
    refused: int
    dropped: int
    pending: int
    turned_away: int
    resent: int
    failures: int
    displaced: int


class Limits(msgspec.Struct, frozen=True):
    """The largest batch and the largest buffer, each in messages and in bytes of their texts."""

    batch_messages: int
    batch_bytes: int
    messages: int
    bytes: int


class Buffer:
    """Texts in order. ``sending`` are the first of them, which wait no more."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._most_messages = limits.messages
        self._most_bytes = limits.bytes
        self._waiting: deque[bytes] = deque()
        self.waiting_bytes = 0
        self.sending: Sequence[bytes] = ()
        self.accepted = self.acknowledged = self.refused = self.dropped = 0
        self.turned_away = self.resent = self.failures = self.displaced = 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def done(self) -> int:
        """How many messages, from the first, are done with."""
        return self.acknowledged + self.refused + self.dropped

    @property
    def pending(self) -> int:
        """How many messages are not done with."""
        return self.accepted - self.done

    @property
    def has_batch(self) -> bool:
        """Whether as many wait as a batch may hold."""
        limits = self._limits
        return (
            len(self._waiting) >= limits.batch_messages or self.waiting_bytes >= limits.batch_bytes
        )

    def has_room(self, text: bytes) -> bool:
        """Whether one more fits. An empty buffer has room for anything."""
        return not self._waiting or (
            len(self._waiting) < self._most_messages
            and self.waiting_bytes + len(text) <= self._most_bytes
        )

    def append(self, text: bytes) -> int:
        """Accept a message, and return how many wait now; 0 if there is no room for it.

        One call for all of it, as every message of every producer comes by here.
        """
        waiting = self._waiting
        size = self.waiting_bytes + len(text)
        if waiting and (len(waiting) >= self._most_messages or size > self._most_bytes):
            return 0
        waiting.append(text)
        self.waiting_bytes = size
        self.accepted += 1
        return len(waiting)

    def drop_oldest(self) -> None:
        """Drop the first message that waits."""
        self.waiting_bytes -= len(self._waiting.popleft())
        self.dropped += 1

    def take_batch(self) -> None:
        """Have the first messages sent: as many as a batch may hold."""
        limits = self._limits
        batch: list[bytes] = []
        size = 0
        while self._waiting and len(batch) < limits.batch_messages:
            size += len(self._waiting[0])
            if batch and size > limits.batch_bytes:
                break
            batch.append(self._waiting.popleft())
        self.waiting_bytes -= sum(map(len, batch))
        self.sending = batch

    def settle(self, count: int, *, acknowledged: bool) -> Sequence[bytes]:
        """Be done with the first that are being sent, unless they were given up; return them."""
        settled, self.sending = self.sending[:count], self.sending[count:]
        if acknowledged:
            self.acknowledged += len(settled)
        else:
            self.refused += len(settled)
        return settled

    def give_up(self) -> list[bytes]:
        """Drop all messages and return them."""
        left = [*self.sending, *self._waiting]
        self.dropped += len(left)
        self.sending = ()
        self._waiting.clear()
        self.waiting_bytes = 0
        return left

    def stats(self) -> ProducerStats:
        """Return the figures."""
        return ProducerStats(
            accepted=self.accepted,
            acknowledged=self.acknowledged,
            refused=self.refused,
            dropped=self.dropped,
            pending=self.pending,
            turned_away=self.turned_away,
            resent=self.resent,
            failures=self.failures,
            displaced=self.displaced,
        )
