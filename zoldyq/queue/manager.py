"""All queues of a server, by name.

A queue is created by the first enqueue, or explicitly with a capacity of its own. A consumer may
wait on a name that is not used yet: such a queue is only *awaited*. It shows nowhere, counts
against no limit, and is forgotten when the last consumer leaves.

The module is long because all that is done to several queues, or to the set of them, stands under
its one lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import sleep

from zoldyq.contract import defaults
from zoldyq.contract.errors import QueueClosed, ZoldyQError
from zoldyq.contract.policy import Policy, check_fields
from zoldyq.contract.statistics import QueueStats
from zoldyq.queue.blocking import BlockingCalls
from zoldyq.queue.idle import Activity, IdleWatch
from zoldyq.queue.line import ConsumerPlace, ProducerPlace, Wake
from zoldyq.queue.memory import MemoryBudget
from zoldyq.queue.message import MESSAGE_OVERHEAD, Delivery, Message, Moved, PolicyChange, Receipt
from zoldyq.queue.message_queue import MessageQueue
from zoldyq.queue.room import (
    not_found,
    queue_exists,
    shutting_down,
    too_many_queues,
)
from zoldyq.queue.store import SECTION

#: A queue's messages are numbered within so many bits.
_NUMBER_BITS = 48


class QueueManager(BlockingCalls):
    """Queues in this process: the one implementation of :class:`Queues` so far.

    At most ``max_queues`` exist at once, and their messages are charged ``max_bytes`` bytes at
    the most. A queue that is created on demand has ``default_capacity``, or the policy that
    ``policy_of`` gives for its name. The queues ``declared`` are created at once. Without
    ``auto_create`` there is nothing but these and what :meth:`create` creates.
    """

    def __init__(
        self,
        default_capacity: int = defaults.QUEUE_CAPACITY,
        max_queues: int = defaults.MAX_QUEUES,
        max_bytes: int = defaults.MAX_BYTES,
        *,
        policy_of: Callable[[str], Policy] | None = None,
        declared: Iterable[str] = (),
        auto_create: bool = True,
    ) -> None:
        default = Policy(capacity=default_capacity)
        self._policy_of = policy_of or (lambda _name: default)
        self._auto_create = auto_create
        self._max_queues = max_queues
        self._budget = MemoryBudget(max_bytes)
        # Guards every field below; a queue's own lock may be taken inside it. Never held
        # across a wake-up.
        self._lock = threading.Lock()
        # Changed one key at a time, under the lock. The hot path reads it with `get` alone and
        # without the lock: CPython promises that reading a key is atomic, with the GIL and
        # without it. Whatever walks over it holds the lock, or walks over a copy.
        self._queues: dict[str, MessageQueue] = {}
        self._awaited: dict[str, MessageQueue] = {}
        self._made = 0  # queues made so far
        self._dropped: dict[str, int] = {"deleted": 0, "shutdown": 0}
        self._draining = False
        self._idle = IdleWatch()
        for name in declared:
            self.create(name)

    # -- producers and consumers ---------------------------------------------------------------

    def begin_enqueue(
        self,
        name: str,
        payloads: Sequence[bytes],
        at: int | None = None,
        *,
        ttl: int | None = None,
        wake: Wake | None = None,
    ) -> Receipt | ProducerPlace:
        """Append to the queue, creating it if need be, or stand in its line for room.

        Messages that are refused create no queue, unless somebody waits for it already. See
        :meth:`MessageQueue.begin_enqueue`. The place of a producer whose queue is deleted ends
        with QueueClosed; beginning anew puts the messages into the queue's successor.

        Raises:
            QueueNotFound: the name is new, and queues are not created on demand.
            MaxQueuesReached: the name is new, and there are as many queues as may be.
            ShuttingDown: the server is stopping.
            QueueFull, BatchExceedsCapacity, MessageTooLarge, MemoryLimit: as
                :meth:`MessageQueue.begin_enqueue`.
        """
        while True:
            queue = self._queues.get(name)
            if queue is None:
                queue, receipt = self._enqueue_first(name, payloads, at, ttl)
                if receipt is not None:
                    return receipt
            try:
                return queue.begin_enqueue(payloads, at, ttl=ttl, wake=wake)
            except QueueClosed:
                continue  # it was deleted just now: begin anew

    def begin_dequeue(
        self,
        name: str,
        count: int = 1,
        max_bytes: int | None = None,
        *,
        wake: Wake | None = None,
        in_line: int | None = None,
    ) -> Delivery | ConsumerPlace:
        """Take what is there, or stand in the queue's line, also if there is no queue yet.

        See :meth:`MessageQueue.begin_dequeue`. Nobody waits while the server is stopping.

        Raises:
            QueueNotFound: the caller would wait for a queue that only :meth:`create` creates.
        """
        queue = self._queues.get(name)
        if queue is not None:
            return queue.begin_dequeue(count, max_bytes, wake=wake, in_line=in_line)
        if wake is None:
            return Delivery([], 0)
        policy = self._policy_of(name)
        with self._lock:
            queue = self._queues.get(name)
            if queue is None:
                self._refuse_unless_created_on_demand(name)
                # Under the manager's lock, so that the name cannot be forgotten in between. It
                # wakes nobody: an awaited queue has no producers.
                return self._await(name, policy).begin_dequeue(
                    count, max_bytes, wake=wake, in_line=in_line
                )
        return queue.begin_dequeue(count, max_bytes, wake=wake, in_line=in_line)

    def check_may_wait(self, name: str) -> None:
        """Raise QueueNotFound if a consumer that waits on this name would be refused."""
        with self._lock:
            if name not in self._queues:
                self._refuse_unless_created_on_demand(name)

    def put_back(self, name: str, back: Delivery) -> None:
        """Return undelivered messages to where they were in their queue.

        If the queue was deleted meanwhile they go to the head of the queue that has its name
        now; without one they are counted as dropped.
        """
        queue = self._queues.get(name)
        kept = queue.put_back(back) if queue is not None else 0
        self._count_dropped("shutdown" if self.draining else "deleted", len(back.messages) - kept)

    # -- administration ----------------------------------------------------------------------

    def peek(self, name: str, count: int = 1, max_bytes: int | None = None) -> Delivery:
        """Look at the oldest messages without taking them. Raises QueueNotFound."""
        return self._existing(name).peek(count, max_bytes)

    def purge(self, name: str) -> int:
        """Drop the queue's messages and tell how many there were. Raises QueueNotFound."""
        return self._existing(name).purge()

    def move(self, name: str, to: str, count: int | None = None) -> Moved:
        """Move the oldest messages to the end of another queue, in order: up to ``count`` of them
        (None: as many as there are now), and as many as there is room for.

        The other queue is created if need be. Messages keep their time stamps and their own
        lifetimes. Each is in one of the queues or, for the moment between the two locks, with this
        call, which puts back what the other queue does not take.

        Raises:
            QueueNotFound: there is no such queue, or none is created on demand.
            MaxQueuesReached: there are as many queues as may be.
            MemoryLimit, ShuttingDown: nothing was moved, for this reason.
        """
        source = self._existing(name)
        left = len(source) if count is None else min(count, len(source))
        moved = 0
        while left > 0:
            try:
                step = self._move_some(source, to, min(left, SECTION))
            except ZoldyQError:
                if moved:
                    break
                raise
            if not step:
                break
            moved += step
            left -= step
            sleep(0)  # let other threads run in between
        return Moved(moved, len(source))

    def create(self, name: str, /, **given: object) -> PolicyChange:
        """Create a queue, with the given fields of a policy in the place of what holds for its
        name; ``changed`` tells whether it is new.

        Raises:
            QueueExists: it exists with another value of a given field.
            InvalidCapacity, InvalidPolicy, UnknownField: a field is wrong.
            MaxQueuesReached: there are as many queues as may be.
            ShuttingDown: the server is stopping.
        """
        fields = check_fields(given)
        policy = self._policy_of(name).changed(fields)
        with self._lock:
            queue = self._queues.get(name)
            if queue is None:
                self._create(name, policy)
                return PolicyChange(True, policy)
        present = queue.policy
        differs = present.differs(fields)
        if differs:
            raise queue_exists(name, present, differs)
        return PolicyChange(False, present)

    def update(self, name: str, /, **given: object) -> PolicyChange:
        """Change fields of a queue's policy: :meth:`MessageQueue.update`.

        Raises:
            QueueNotFound: there is no such queue.
            InvalidCapacity, InvalidPolicy, UnknownField: a field is wrong; nothing is changed.
        """
        return self._existing(name).update(check_fields(given))

    def delete(self, name: str) -> int:
        """Delete a queue and end its waiters; tell how many messages were dropped with it.

        Raises:
            QueueNotFound: there is no such queue.
        """
        with self._lock:
            queue = self._existing(name)
            del self._queues[name]
        dropped = queue.close(discard=True)
        self._count_dropped("deleted", dropped)
        return dropped

    def stats(self, name: str) -> QueueStats:
        """Return one queue's statistics. Raises QueueNotFound."""
        return self._existing(name).stats()

    def all_stats(self) -> Iterator[tuple[str, QueueStats]]:
        """Yield name and statistics of every queue, ordered by name.

        Each is looked at when its turn comes.
        """
        queues = {queue.name: queue for queue in self._snapshot()}
        for name in sorted(queues):
            yield name, queues[name].stats()

    def names(self) -> list[str]:
        """Return the names of all queues, in any order."""
        with self._lock:
            return list(self._queues)

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

    # -- housekeeping -------------------------------------------------------------------------

    def keep_house(self) -> None:
        """Drop what has expired, and delete queues that are idle. One thread calls this, about
        twice a second."""
        queues = self._snapshot()
        for queue in queues:
            queue.expire_due()
        for queue, activity in self._idle.due(queues):
            self._delete_if_idle(queue, activity)

    def _delete_if_idle(self, queue: MessageQueue, activity: Activity) -> None:
        with self._lock:
            if self._queues.get(queue.name) is queue:
                # Out of sight first: who finds it closed would look for its successor at once.
                del self._queues[queue.name]
                if not queue.close_if_idle(activity):
                    self._queues[queue.name] = queue

    # -- stopping ----------------------------------------------------------------------------

    def drain(self) -> None:
        """Refuse new messages and let nobody wait; what is queued can still be taken."""
        with self._lock:
            self._draining = True
            queues = [*self._queues.values(), *self._awaited.values()]
        for queue in queues:
            queue.close(stopping=True)

    def close(self) -> dict[str, int]:
        """Drop what is left, after :meth:`drain`; return how many messages each queue held."""
        self.drain()
        dropped = {
            queue.name: queue.close(discard=True, stopping=True) for queue in self._snapshot()
        }
        self._count_dropped("shutdown", sum(dropped.values()))
        return {name: count for name, count in dropped.items() if count}

    @property
    def bytes_held(self) -> int:
        """Bytes charged for the messages in all queues together."""
        return self._budget.used

    def take_peak_bytes(self) -> int:
        """Return the most bytes that were held at once since the last call of this."""
        return self._budget.take_peak()

    @property
    def pending(self) -> int:
        """What an orderly stop waits for: consumers may still take what is queued."""
        return self.size

    @property
    def size(self) -> int:
        """Messages in all queues together."""
        return sum(map(len, self._snapshot()))

    # -- helpers -----------------------------------------------------------------------------

    def _existing(self, name: str) -> MessageQueue:
        queue = self._queues.get(name)
        if queue is None:
            raise not_found(name, on_demand=self._auto_create)
        return queue

    def _move_some(self, source: MessageQueue, to: str, count: int) -> int:
        """Move messages in one go; tell how many."""
        room = self._existing_or_new(to).room(count)
        # Empty is asked for first: a dequeue of nothing would be counted.
        taken = source.begin_dequeue(room) if room and len(source) else Delivery([], 0)
        assert isinstance(taken, Delivery), "without a wake nobody stands in line"
        if not taken.messages:
            return 0
        moved = 0
        try:
            moved = self._take_in(to, taken.messages)
        finally:
            if moved < len(taken.messages):
                self.put_back(source.name, taken.rest(moved))
        return moved

    def _take_in(self, name: str, messages: Sequence[Message]) -> int:
        while True:
            try:
                return self._existing_or_new(name).take_in(messages)
            except QueueClosed:
                continue  # it was deleted just now: begin anew

    def _existing_or_new(self, name: str) -> MessageQueue:
        queue = self._queues.get(name)
        if queue is not None:
            return queue
        policy = self._policy_of(name)
        with self._lock:
            queue = self._queues.get(name)
            if queue is None:
                self._refuse_unless_created_on_demand(name)
                queue = self._create(name, policy)
        return queue

    def _enqueue_first(
        self, name: str, payloads: Sequence[bytes], at: int | None, ttl: int | None
    ) -> tuple[MessageQueue, Receipt | None]:
        """Create the queue of this name with its first messages, unless another thread was faster.

        A new queue is filled before anybody can see it: taking it away again when it refuses
        would take along what another thread had put into it by then. Without a receipt the
        messages are still to be enqueued.
        """
        policy = self._policy_of(name)
        with self._lock:
            queue = self._queues.get(name)
            if queue is not None:
                return queue, None
            self._refuse_unless_created_on_demand(name)
            if name in self._awaited:
                return self._create(name, policy), None
            queue = self._new(name, policy)
            # It wakes nobody, for nobody knows the queue yet.
            receipt = queue.begin_enqueue(payloads, at, ttl=ttl)
            assert isinstance(receipt, Receipt), "without a wake nobody stands in line"
            self._queues[name] = queue
            return queue, receipt

    def _create(self, name: str, policy: Policy) -> MessageQueue:
        """Create a queue; the caller holds the lock and knows that there is none."""
        queue = self._new(name, policy)
        self._queues[name] = queue
        return queue

    def _new(self, name: str, policy: Policy) -> MessageQueue:
        """Return a queue, or the one that is awaited, to be added; under the lock."""
        self._refuse_if_draining()
        if len(self._queues) >= self._max_queues:
            raise too_many_queues(self._max_queues)
        queue = self._awaited.pop(name, None)
        if queue is None:
            return self._make(name, policy)
        queue.update(policy.document())  # wakes nobody: no producer has seen it yet
        return queue

    def _make(self, name: str, policy: Policy) -> MessageQueue:
        """Return a new queue. Its messages have higher numbers than those of any before it, so
        that what comes back from a predecessor goes to the head, in order."""
        assert self._lock.locked()
        self._made += 1
        return MessageQueue(
            name,
            budget=self._budget,
            policy=policy,
            first=self._made << _NUMBER_BITS,
            when_unused=self._forget_if_unused,
        )

    def _await(self, name: str, policy: Policy) -> MessageQueue:
        """Return the queue that is awaited under this name; the caller holds the lock."""
        queue = self._awaited.get(name)
        if queue is None:
            queue = self._awaited[name] = self._make(name, policy)
            if self._draining:
                queue.close(stopping=True)
        return queue

    def _forget_if_unused(self, name: str) -> None:
        """Forget an awaited name when nobody waits for it any more."""
        if name not in self._awaited:
            return  # mostly: it is read without the lock, and again under it
        with self._lock:
            queue = self._awaited.get(name)
            if queue is not None and queue.activity() is not None:
                del self._awaited[name]

    def _snapshot(self) -> list[MessageQueue]:
        with self._lock:
            return list(self._queues.values())

    def _count_dropped(self, reason: str, count: int) -> None:
        if count:
            with self._lock:
                self._dropped[reason] += count

    def _refuse_if_draining(self) -> None:
        """Raise ShuttingDown while draining; the caller holds the lock."""
        if self._draining:
            raise shutting_down()

    def _refuse_unless_created_on_demand(self, name: str) -> None:
        """Raise QueueNotFound; the caller holds the lock and knows that there is no such queue."""
        if not self._auto_create and not self._draining:
            raise not_found(name, on_demand=False)
