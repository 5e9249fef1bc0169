"""What each request means, told once: the Falcon face and the native server both call this.

Nothing here waits. Where a request has to, the caller gets a :class:`Wait` and decides how: a
thread that sleeps, or a connection that is parked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from time import perf_counter

import msgspec

from zoldyq import __version__, wire
from zoldyq.contract.errors import BodyTooLarge, QueueClosed, QueueFull, ZoldyQError
from zoldyq.metrics.durations import OperationDurations
from zoldyq.queue import Queues, RoomWaiter, Waiter, check_queue_name, now_us
from zoldyq.server.api.refusals import Refusals
from zoldyq.wire import Buffer, Reply


class Limits(msgspec.Struct, frozen=True):
    """What a single request may ask for: seconds, messages and bytes."""

    max_timeout: float = 3600.0
    max_count: int = 10_000
    max_body_bytes: int = 8 << 20

    def check_body(self, size: int) -> None:
        """Accept the size of a body in bytes, or raise BodyTooLarge."""
        if size > self.max_body_bytes:
            raise BodyTooLarge(
                f"the body is larger than {self.max_body_bytes} bytes: "
                "send smaller batches, or raise max_body_bytes",
                max_body_bytes=self.max_body_bytes,
            )


class EnqueueCall(msgspec.Struct, frozen=True, gc=False):
    """What an enqueue asks for, without its body. ``timeout`` is in seconds."""

    name: str
    timeout: float
    parse: Callable[[Buffer], tuple[Sequence[bytes], bool]]


class DequeueCall(msgspec.Struct, frozen=True, gc=False):
    """What a dequeue asks for. ``timeout`` is in seconds; ``count`` is None for a single one."""

    name: str
    timeout: float
    count: int | None
    ndjson: bool


class DequeueWait:
    """A dequeue that found nothing and stands in line. End it with one of the two methods."""

    def __init__(
        self, operations: Operations, call: DequeueCall, waiter: Waiter, began: float
    ) -> None:
        self.timeout = call.timeout
        self._began = began
        self._operations = operations
        self._call = call
        self._waiter = waiter

    def finish(self, *, expired: bool = False) -> Reply:
        """Quit the line and reply with what was handed over, or that nothing came."""
        return self._operations.finish_dequeue(self._call, self._waiter, self._began, expired)

    def abandon(self) -> None:
        """Quit the line because the consumer has gone; what it was given goes back."""
        queues = self._operations.queues
        queues.put_back(self._call.name, queues.leave(self._waiter).messages)


class EnqueueWait:
    """An enqueue that found no room and stands in line. End it with one of the two methods."""

    def __init__(
        self,
        operations: Operations,
        call: EnqueueCall,
        waiter: RoomWaiter,
        batch: bool,
        began: float,
    ) -> None:
        self.timeout = call.timeout
        self._began = began
        self._operations = operations
        self._call = call
        self._waiter = waiter
        self._batch = batch

    def finish(self, *, expired: bool = False) -> Reply:
        """Quit the line and acknowledge, or raise why the messages were refused.

        Raises:
            QueueFull, BatchExceedsCapacity, MemoryLimit, MaxQueuesReached, ShuttingDown: nothing
                was queued.
        """
        return self._operations.finish_enqueue(self._call, self._waiter, self._batch, self._began)

    def abandon(self) -> None:
        """Quit the line because the producer has gone. What got in already stays queued."""
        try:
            self._operations.queues.leave_room(self._waiter)
        except ZoldyQError:
            return  # there is nobody left to tell


Wait = DequeueWait | EnqueueWait


class Operations:
    """Every operation of the wire contract, over some queues and within some limits.

    Methods return a :class:`Reply` or raise a :class:`ZoldyQError`, except that enqueue and
    dequeue return a :class:`Wait` where the caller asked to wait and has to.
    """

    def __init__(
        self,
        queues: Queues,
        limits: Limits | None = None,
        durations: OperationDurations | None = None,
    ) -> None:
        self.queues = queues
        self.limits = limits or Limits()
        self.durations = durations or OperationDurations()
        self.refusals = Refusals()
        self._started = time.monotonic()

    # -- enqueue -----------------------------------------------------------------------------

    def enqueue_call(self, name: str, query: str, content_type: str | None) -> EnqueueCall:
        """Read what an enqueue asks for. Raises InvalidQueueName, InvalidTimeout."""
        check_queue_name(name)
        timeout = wire.parse_timeout(
            wire.parse_query(query).get("timeout"), self.limits.max_timeout
        )
        ndjson = wire.is_ndjson(content_type)
        return EnqueueCall(name, timeout, wire.parse_ndjson if ndjson else wire.parse_enqueue)

    def enqueue(
        self, call: EnqueueCall, body: Buffer, wake: Callable[[], None], at: int | None = None
    ) -> Reply | EnqueueWait:
        """Append the messages of a body, or stand in line for room if the call says so.

        ``wake`` is called once there is something to see for a wait; ``at`` is the time stamp
        in microseconds since the epoch (None: now).
        """
        began = perf_counter()
        payloads, batch = call.parse(body)
        try:
            receipt = self.queues.offer(call.name, payloads, at, waits=call.timeout > 0)
        except QueueFull:
            if not call.timeout:
                raise
            waiter = RoomWaiter(wake, payloads)
            if not self.queues.join_for_room(call.name, waiter):
                return EnqueueWait(self, call, waiter, batch, began)
            return self.finish_enqueue(call, waiter, batch, began)
        reply = wire.enqueue_reply(call.name, receipt, batch)
        self.durations.enqueue.observe(perf_counter() - began)
        return reply

    def finish_enqueue(
        self, call: EnqueueCall, waiter: RoomWaiter, batch: bool, began: float
    ) -> Reply:
        """End a wait for room; see :meth:`EnqueueWait.finish`."""
        try:
            receipt = self.queues.leave_room(waiter)
        except QueueClosed:
            # The queue was deleted under the producer, so there is room in its successor.
            receipt = self.queues.offer(call.name, waiter.payloads)
        reply = wire.enqueue_reply(call.name, receipt, batch)
        self.durations.enqueue_waited.observe(perf_counter() - began)
        return reply

    # -- dequeue -----------------------------------------------------------------------------

    def dequeue_call(self, name: str, query: str, accept: str | None) -> DequeueCall:
        """Read what a dequeue asks for. Raises InvalidQueueName, InvalidTimeout, InvalidCount."""
        check_queue_name(name)
        parameters = wire.parse_query(query)
        return DequeueCall(
            name,
            wire.parse_timeout(parameters.get("timeout"), self.limits.max_timeout),
            wire.parse_count(parameters.get("count"), self.limits.max_count),
            wire.accepts_ndjson(accept),
        )

    def dequeue(self, call: DequeueCall, wake: Callable[[], None]) -> Reply | DequeueWait:
        """Take messages, or stand in line for them if the call says so."""
        began = perf_counter()
        count = call.count or 1
        delivery = self.queues.poll(
            call.name, count, self.limits.max_body_bytes, waits=call.timeout > 0
        )
        if not delivery.messages and call.timeout:
            waiter = Waiter(wake, count, self.limits.max_body_bytes)
            if not self.queues.join(call.name, waiter):
                return DequeueWait(self, call, waiter, began)
            return self.finish_dequeue(call, waiter, began)
        reply = wire.delivery_reply(call.name, delivery, call.count is not None, call.ndjson)
        self.durations.dequeue.observe(perf_counter() - began)
        return reply

    def finish_dequeue(
        self, call: DequeueCall, waiter: Waiter, began: float, expired: bool = False
    ) -> Reply:
        """End a wait for messages; see :meth:`DequeueWait.finish`."""
        delivery = self.queues.leave(waiter, expired=expired)
        reply = wire.delivery_reply(call.name, delivery, call.count is not None, call.ndjson)
        self.durations.dequeue_waited.observe(perf_counter() - began)
        return reply

    def put_back(self, reply: Reply) -> None:
        """Return the messages of a reply that could not be written to the head of their queue."""
        if reply.delivered:
            self.queues.put_back(reply.queue_name, reply.delivered)

    # -- administration ------------------------------------------------------------------------

    def peek(self, name: str, query: str, accept: str | None) -> Reply:
        """Show the oldest messages and take nothing."""
        call = self.dequeue_call(name, query, accept)
        delivery = self.queues.peek(name, call.count or 1, self.limits.max_body_bytes)
        return wire.peek_reply(name, delivery, call.ndjson)

    def list_queues(self) -> Reply:
        """Return the statistics of all queues."""
        return wire.document_reply(self._queues_document())

    def show_queue(self, name: str) -> Reply:
        """Return the statistics of one queue."""
        check_queue_name(name)
        stats = self.queues.stats(name)
        return wire.document_reply({"queue_name": name, **wire.stats_document(stats, now_us())})

    def create_queue(self, name: str, body: Buffer) -> Reply:
        """Create a queue with a capacity of its own."""
        check_queue_name(name)
        capacity = wire.parse_capacity(body)
        created = self.queues.create(name, capacity)
        document = {"created": created, "queue_name": name, "capacity": capacity}
        return wire.document_reply(document, 201 if created else 200)

    def delete_queue(self, name: str) -> Reply:
        """Delete a queue with what is in it, ending its waiters."""
        check_queue_name(name)
        dropped = self.queues.delete(name)
        return wire.document_reply({"deleted": True, "queue_name": name, "dropped": dropped})

    def purge_queue(self, name: str) -> Reply:
        """Drop the messages of a queue."""
        check_queue_name(name)
        return wire.document_reply({"queue_name": name, "purged": self.queues.purge(name)})

    def live(self) -> Reply:
        """Tell that the process lives, and nothing else: for probes, which ask often."""
        return _ALIVE

    def health(self) -> Reply:
        """Tell that the process lives, and how its queues are."""
        return wire.document_reply(
            {
                "status": "draining" if self.queues.draining else "healthy",
                "uptime_seconds": round(time.monotonic() - self._started, 3),
                "version": __version__,
                **self._queues_document(),
            }
        )

    def ready(self) -> Reply:
        """Tell whether new messages are welcome: 503 with the reason where they are not."""
        reason = None
        if self.queues.draining:
            reason = "shutting_down"
        elif self.queues.memory_full:
            reason = "memory_limit"
        if reason is None:
            return wire.document_reply({"ready": True})
        return wire.document_reply({"ready": False, "reason": reason}, 503)

    def _queues_document(self) -> dict[str, object]:
        now = now_us()
        queues = {stats.name: wire.stats_document(stats, now) for stats in self.queues.all_stats()}
        return {"total_queues": len(queues), "queues": queues}


_ALIVE = wire.document_reply({"alive": True})
