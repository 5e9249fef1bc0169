"""What a server needs of its queues, whoever keeps them, and the names that they may have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from zoldyq.contract.errors import InvalidQueueName
from zoldyq.queue.message import Delivery, Message, QueueStats, Receipt
from zoldyq.queue.waiter import RoomWaiter, Waiter

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)


def check_queue_name(name: str) -> None:
    """Accept a queue's name, or say what is wrong with it.

    Raises:
        InvalidQueueName: the name is not 1 to 128 characters of ``A-Z a-z 0-9 . _ : -``
            beginning with a letter or digit.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidQueueName(
            "a queue's name has 1 to 128 characters of A-Z a-z 0-9 . _ : - and begins with a "
            "letter or digit"
        )


class Queues(Protocol):
    """What a server needs of its queues. Every call is by name, and none of them waits.

    Names are valid ones (:func:`check_queue_name`). :class:`QueueManager` keeps the queues in
    this process; another implementation may keep them elsewhere.
    """

    def offer(
        self, name: str, payloads: Sequence[bytes], at: int | None = None, *, waits: bool = False
    ) -> Receipt:
        """Append to the queue, creating it if need be: :meth:`MessageQueue.offer`."""

    def join_for_room(self, name: str, waiter: RoomWaiter) -> bool:
        """Stand in the queue's line for room: :meth:`MessageQueue.join_for_room`."""

    def leave_room(self, waiter: RoomWaiter) -> Receipt:
        """Quit that line: :meth:`MessageQueue.leave_room`."""

    def poll(
        self, name: str, count: int = 1, max_bytes: int | None = None, *, waits: bool = False
    ) -> Delivery:
        """Take what is there: :meth:`MessageQueue.poll`. Empty for an unknown name."""

    def join(self, name: str, waiter: Waiter) -> bool:
        """Stand in the queue's line: :meth:`MessageQueue.join`. The name may be unknown."""

    def leave(self, waiter: Waiter, *, expired: bool = False) -> Delivery:
        """Quit that line: :meth:`MessageQueue.leave`."""

    def put_back(self, name: str, messages: Sequence[Message]) -> None:
        """Return undelivered messages to the head: :meth:`MessageQueue.put_back`."""

    def peek(self, name: str, count: int = 1, max_bytes: int | None = None) -> Delivery:
        """Look without taking. Raises QueueNotFound for an unknown name."""

    def purge(self, name: str) -> int:
        """Drop the queue's messages; tell how many. Raises QueueNotFound for an unknown name."""

    def create(self, name: str, capacity: int) -> bool:
        """Create a queue; tell whether it is new. Raises QueueExists, MaxQueuesReached."""

    def delete(self, name: str) -> int:
        """Delete a queue, ending its waiters; tell how many messages it held."""

    def stats(self, name: str) -> QueueStats:
        """Return one queue's statistics. Raises QueueNotFound for an unknown name."""

    def all_stats(self) -> list[QueueStats]:
        """Return the statistics of every queue, by name."""

    def drain(self) -> None:
        """Refuse new messages and let nobody wait; what is queued can still be taken."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """Messages that were accepted and neither delivered nor purged, by reason."""

    @property
    def memory_full(self) -> bool:
        """Whether the bound on bytes leaves no room for another message."""

    @property
    def draining(self) -> bool:
        """Whether new messages are refused because the server is stopping."""

    @property
    def max_capacity(self) -> int:
        """The largest capacity that :meth:`create` takes."""
