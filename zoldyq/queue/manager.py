"""All queues of a server, by name.

A queue comes into being at the first enqueue, or explicitly with a capacity of its own. Somebody
may wait on a name that nobody has used yet: such a queue is only *awaited*. It shows nowhere,
counts against no limit, and is forgotten when the last waiter leaves.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from zoldyq.contract.errors import (
    InvalidCapacity,
    MaxQueuesReached,
    QueueClosed,
    QueueExists,
    QueueNotFound,
    ShuttingDown,
)
from zoldyq.queue.memory import MemoryBudget
from zoldyq.queue.message import MESSAGE_OVERHEAD, Delivery, Message, QueueStats, Receipt
from zoldyq.queue.message_queue import MessageQueue
from zoldyq.queue.waiter import RoomWaiter, Waiter


class QueueManager:
    """Queues in this process: the one implementation of :class:`Queues` so far.

    At most ``max_queues`` exist at once, each created on demand with ``default_capacity``; their
    messages are charged ``max_bytes`` bytes at the most.
    """

    #: The largest capacity a queue may be given: what its messages alone would hold in memory
    #: is far beyond any machine, so that a larger number is a mistake.
    max_capacity = 1_000_000_000

    def __init__(
        self,
        default_capacity: int = 100_000,
        max_queues: int = 100,
        max_bytes: int = 1 << 30,
    ) -> None:
        self._default_capacity = default_capacity
        self._max_queues = max_queues
        self._budget = MemoryBudget(max_bytes)
        # Guards every field below; a queue's own lock may be taken inside it. Never held
        # across a wake-up.
        self._lock = threading.Lock()
        # Never changed, only replaced, so that the hot path reads it without the lock.
        self._queues: Mapping[str, MessageQueue] = {}
        self._awaited: dict[str, MessageQueue] = {}
        self._dropped: dict[str, int] = {"deleted": 0, "shutdown": 0}
        self._draining = False

    # -- producers ---------------------------------------------------------------------------

    def offer(
        self, name: str, payloads: Sequence[bytes], at: int | None = None, *, waits: bool = False
    ) -> Receipt:
        """Append to the queue, creating it if need be, without ever waiting.

        Messages that are refused bring no queue into being, unless somebody waits for it already.

        Raises:
            MaxQueuesReached: the name is new, and there are as many queues as may be.
            ShuttingDown: the server is stopping.
            QueueFull, BatchExceedsCapacity, MemoryLimit: as :meth:`MessageQueue.offer`.
        """
        while True:
            queue = self._queues.get(name)
            try:
                if queue is None:
                    return self._offer_first(name, payloads, at, waits)
                return queue.offer(payloads, at, waits=waits)
            except QueueClosed:
                self._check_not_draining()  # else it was deleted just now: begin anew

    def join_for_room(self, name: str, waiter: RoomWaiter) -> bool:
        """Stand in the queue's line for room; see :meth:`MessageQueue.join_for_room`."""
        queue = self._queues.get(name)
        if queue is None:
            waiter.error = QueueClosed("the queue was deleted meanwhile", queue_name=name)
            return True
        return queue.join_for_room(waiter)

    def leave_room(self, waiter: RoomWaiter) -> Receipt:
        """Quit the line for room and return the receipt won in the meantime.

        Raises:
            QueueClosed: the queue was deleted meanwhile, and :meth:`offer` would begin anew.
            ShuttingDown: the server is stopping.
            QueueFull, MemoryLimit: as :meth:`MessageQueue.leave_room`.
        """
        try:
            if waiter.queue is None:
                raise waiter.error or QueueClosed("this producer waits for no queue")
            return waiter.queue.leave_room(waiter)
        except QueueClosed:
            self._check_not_draining()
            raise

    # -- consumers ---------------------------------------------------------------------------

    def poll(
        self, name: str, count: int = 1, max_bytes: int | None = None, *, waits: bool = False
    ) -> Delivery:
        """Take what is there without waiting; empty for a name that nobody has used."""
        queue = self._queues.get(name)
        if queue is None:
            return Delivery([], 0)
        return queue.poll(count, max_bytes, waits=waits)

    def join(self, name: str, waiter: Waiter) -> bool:
        """Stand in the queue's line, also if there is no queue of this name yet.

        See :meth:`MessageQueue.join`. Nobody may wait while the server is stopping: then there
        is something to see at once, namely nothing.
        """
        with self._lock:
            queue = self._queues.get(name)
            if queue is None:
                # Under the manager's lock, so that the name cannot be forgotten in between. It
                # wakes nobody: an awaited queue has no producers.
                return self._await(name).join(waiter)
        return queue.join(waiter)

    def leave(self, waiter: Waiter, *, expired: bool = False) -> Delivery:
        """Quit the line and return what was handed over; see :meth:`MessageQueue.leave`."""
        queue = waiter.queue
        if queue is None:
            return Delivery([], 0)
        delivery = queue.leave(waiter, expired=expired)
        if self._queues.get(queue.name) is not queue:
            self._forget_if_unused(queue)
        return delivery

    def put_back(self, name: str, messages: Sequence[Message]) -> None:
        """Return undelivered messages to the head of their queue.

        If the queue was deleted meanwhile they go to the queue that has its name now; without
        one they are counted as dropped.
        """
        queue = self._queues.get(name)
        kept = queue.put_back(messages) if queue is not None else 0
        self._count_dropped("shutdown" if self.draining else "deleted", len(messages) - kept)

    # -- administration ----------------------------------------------------------------------

    def peek(self, name: str, count: int = 1, max_bytes: int | None = None) -> Delivery:
        """Look at the oldest messages without taking them. Raises QueueNotFound."""
        return self._existing(name).peek(count, max_bytes)

    def purge(self, name: str) -> int:
        """Drop the queue's messages and tell how many there were. Raises QueueNotFound."""
        return self._existing(name).purge()

    def create(self, name: str, capacity: int) -> bool:
        """Create a queue with a capacity of its own; tell whether it is new.

        Raises:
            QueueExists: it exists with another capacity.
            InvalidCapacity: the capacity is below 1 or above :attr:`max_capacity`.
            MaxQueuesReached: there are as many queues as may be.
            ShuttingDown: the server is stopping.
        """
        if not 1 <= capacity <= self.max_capacity:
            raise InvalidCapacity(f"capacity must be a whole number from 1 to {self.max_capacity}")
        with self._lock:
            queue = self._queues.get(name)
            created = queue is None
            if queue is None:
                queue = self._create(name, capacity)
        if queue.capacity != capacity:
            raise QueueExists(
                f"the queue exists with a capacity of {queue.capacity}: "
                "delete it first, or leave it as it is",
                queue_name=name,
                queue_capacity=queue.capacity,
            )
        return created

    def delete(self, name: str) -> int:
        """Delete a queue and end its waiters; tell how many messages were dropped with it.

        Raises:
            QueueNotFound: there is no such queue.
        """
        with self._lock:
            queue = self._existing(name)
            self._replace(name, None)
        dropped = queue.close(discard=True)
        self._count_dropped("deleted", dropped)
        return dropped

    def stats(self, name: str) -> QueueStats:
        """Return one queue's statistics. Raises QueueNotFound."""
        return self._existing(name).stats()

    def all_stats(self) -> list[QueueStats]:
        """Return the statistics of every queue, ordered by name."""
        return [queue.stats() for _, queue in sorted(self._queues.items())]

    @property
    def dropped(self) -> Mapping[str, int]:
        """Messages that were accepted and neither delivered nor purged, by reason."""
        with self._lock:
            return dict(self._dropped)

    @property
    def memory_full(self) -> bool:
        """Whether the bound on bytes leaves no room for another message."""
        return self._budget.used + MESSAGE_OVERHEAD >= self._budget.limit

    @property
    def draining(self) -> bool:
        """Whether new messages are refused because the server is stopping."""
        with self._lock:
            return self._draining

    # -- stopping ----------------------------------------------------------------------------

    def drain(self) -> None:
        """Refuse new messages and let nobody wait; what is queued can still be taken."""
        with self._lock:
            self._draining = True
            queues = [*self._queues.values(), *self._awaited.values()]
        for queue in queues:
            queue.close()

    def close(self) -> dict[str, int]:
        """Drop what is left, after :meth:`drain`; return how many messages each queue held."""
        self.drain()
        dropped = {name: queue.close(discard=True) for name, queue in self._queues.items()}
        self._count_dropped("shutdown", sum(dropped.values()))
        return {name: count for name, count in dropped.items() if count}

    @property
    def bytes_held(self) -> int:
        """Bytes charged for the messages in all queues together."""
        return self._budget.used

    @property
    def size(self) -> int:
        """Messages in all queues together."""
        return sum(len(queue) for queue in self._queues.values())

    # -- helpers -----------------------------------------------------------------------------

    def _existing(self, name: str) -> MessageQueue:
        queue = self._queues.get(name)
        if queue is None:
            raise QueueNotFound(
                "there is no such queue: it comes into being at the first enqueue, or by PUT",
                queue_name=name,
            )
        return queue

    def _offer_first(
        self, name: str, payloads: Sequence[bytes], at: int | None, waits: bool
    ) -> Receipt:
        """Create the queue of this name with its first messages, unless another thread was faster.

        A new queue is filled before anybody can see it: taking it away again when it refuses
        would take along what another thread had put into it by then.
        """
        with self._lock:
            queue = self._queues.get(name)
            if queue is None and name in self._awaited:
                queue = self._create(name, self._default_capacity)
            if queue is None:
                queue = self._new(name, self._default_capacity)
                receipt = queue.offer(payloads, at)  # wakes nobody, for nobody knows it yet
                self._replace(name, queue)
                return receipt
        return queue.offer(payloads, at, waits=waits)

    def _create(self, name: str, capacity: int) -> MessageQueue:
        """Bring a queue into being; the caller holds the lock and knows that there is none."""
        queue = self._new(name, capacity)
        self._replace(name, queue)
        return queue

    def _new(self, name: str, capacity: int) -> MessageQueue:
        """Return a queue, or the one that is awaited, for :meth:`_replace`; under the lock."""
        self._refuse_if_draining()
        if len(self._queues) >= self._max_queues:
            raise MaxQueuesReached(
                f"there are {self._max_queues} queues already: delete one, or raise max_queues",
                max_queues=self._max_queues,
            )
        queue = self._awaited.pop(name, None)
        if queue is None:
            return MessageQueue(name, capacity, self._budget)
        queue.capacity = capacity  # no producer has seen it yet
        return queue

    def _await(self, name: str) -> MessageQueue:
        """Return the queue that is awaited under this name; the caller holds the lock."""
        queue = self._awaited.get(name)
        if queue is None:
            queue = self._awaited[name] = MessageQueue(name, self._default_capacity, self._budget)
            if self._draining:
                queue.close()
        return queue

    def _forget_if_unused(self, queue: MessageQueue) -> None:
        """Forget an awaited name when nobody waits for it any more."""
        with self._lock:
            if self._awaited.get(queue.name) is queue and not queue.stats().waiting_consumers:
                del self._awaited[queue.name]

    def _replace(self, name: str, queue: MessageQueue | None) -> None:
        """Put a changed copy in the place of the mapping; the caller holds the lock."""
        queues = dict(self._queues)
        if queue is None:
            del queues[name]
        else:
            queues[name] = queue
        self._queues = queues

    def _count_dropped(self, reason: str, count: int) -> None:
        if count:
            with self._lock:
                self._dropped[reason] += count

    def _check_not_draining(self) -> None:
        with self._lock:
            self._refuse_if_draining()

    def _refuse_if_draining(self) -> None:
        """Raise ShuttingDown while draining; the caller holds the lock."""
        if self._draining:
            raise ShuttingDown("the server is shutting down: send the message elsewhere, or later")
