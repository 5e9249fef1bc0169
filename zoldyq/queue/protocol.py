"""What a server needs of its queues, wherever they are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from zoldyq.contract.statistics import QueueStats
from zoldyq.queue.line import ConsumerPlace, ProducerPlace, Wake
from zoldyq.queue.message import Delivery, Moved, PolicyChange, Receipt


class QueueSet(Protocol):
    """What a server needs of its queues beside enqueue and dequeue, wherever they are kept.

    Every call is by name. Names are valid ones (:func:`zoldyq.contract.names.check_queue_name`).
    Calls may wait for queues that live elsewhere, except ``put_back``; nothing sleeps otherwise.
    """

    def check_may_wait(self, name: str) -> None:
        """Raise QueueNotFound if a consumer that waits on this name would be refused."""

    def put_back(self, name: str, back: Delivery) -> None:
        """Return undelivered messages to where they were: :meth:`MessageQueue.put_back`."""

    def peek(self, name: str, count: int = 1, max_bytes: int | None = None) -> Delivery:
        """Look without taking. Raises QueueNotFound for an unknown name."""

    def purge(self, name: str) -> int:
        """Drop the queue's messages; tell how many. Raises QueueNotFound for an unknown name."""

    def move(self, name: str, to: str, count: int | None = None) -> Moved:
        """Move up to ``count`` messages to the end of another queue: :meth:`QueueManager.move`."""

    def create(self, name: str, /, **given: object) -> PolicyChange:
        """Create a queue with these fields of a policy: :meth:`QueueManager.create`."""

    def update(self, name: str, /, **given: object) -> PolicyChange:
        """Change fields of a queue's policy at once. Raises QueueNotFound."""

    def keep_house(self) -> None:
        """Do what is due: drop what has expired, delete what is idle. Called twice a second."""

    def delete(self, name: str) -> int:
        """Delete a queue, ending its waiters; tell how many messages it held."""

    def stats(self, name: str) -> QueueStats:
        """Return one queue's statistics. Raises QueueNotFound for an unknown name."""

    def all_stats(self) -> Iterable[tuple[str, QueueStats]]:
        """Yield name and statistics of every queue, ordered by name.

        A queue may be looked at when its turn comes, so that callers can pause in between.
        """

    def names(self) -> Sequence[str]:
        """Return the names of all queues, in any order."""

    def close(self) -> Mapping[str, int]:
        """Drop what is left, after :meth:`drain`; return how many messages each queue held."""

    def drain(self) -> None:
        """Refuse new messages and let nobody wait; what is queued can still be taken."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """Messages that were accepted and neither delivered nor purged, by reason."""

    def take_peak_bytes(self) -> int:
        """Return the most bytes that were held at once since the last call of this."""

    @property
    def pending(self) -> int:
        """What an orderly stop waits for: messages in this process, or operations under way."""

    @property
    def bytes_held(self) -> int:
        """Bytes charged for the messages in all queues together."""

    @property
    def memory_full(self) -> bool:
        """Whether the bound on bytes leaves no room for another message."""

    @property
    def draining(self) -> bool:
        """Whether new messages are refused because the server is stopping."""


class Queues(QueueSet, Protocol):
    """Queues in this process, where enqueue and dequeue are done at once: :class:`QueueManager`."""

    def begin_enqueue(
        self,
        name: str,
        payloads: Sequence[bytes],
        at: int | None = None,
        *,
        ttl: int | None = None,
        wake: Wake | None = None,
    ) -> Receipt | ProducerPlace:
        """Append to the queue, creating it if need be, or stand in its line for room:
        :meth:`MessageQueue.begin_enqueue`. Raises MaxQueuesReached, ShuttingDown as well."""

    def begin_dequeue(
        self,
        name: str,
        count: int = 1,
        max_bytes: int | None = None,
        *,
        wake: Wake | None = None,
        in_line: int | None = None,
    ) -> Delivery | ConsumerPlace:
        """Take what is there, or stand in the queue's line: :meth:`MessageQueue.begin_dequeue`.
        The name may be unknown."""
