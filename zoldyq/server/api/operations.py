"""What each request means, told once: the Falcon face and the native server both call this.

Nothing here waits. Where a request has to, the caller gets a
:class:`~zoldyq.server.api.waits.Wait` and decides how: a thread that sleeps, or a connection that
is parked.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import Literal

import msgspec

from zoldyq import __version__, wire
from zoldyq.contract import defaults
from zoldyq.contract.errors import BackendUnavailable, BodyTooLarge, InvalidMove, InvalidQueueName
from zoldyq.contract.policy import check_fields
from zoldyq.contract.routes import ROUTES, Right
from zoldyq.metrics.durations import OperationDurations
from zoldyq.metrics.history import History
from zoldyq.metrics.series import SAMPLE_SECONDS
from zoldyq.pacing import slices
from zoldyq.queue import (
    ConsumerPlace,
    Delivery,
    Queues,
    Receipt,
    Wake,
    check_queue_name,
)
from zoldyq.server.api.clients import Client, Waiting, address_of
from zoldyq.server.api.refusals import Refusals
from zoldyq.server.api.tokens import Token, check_right
from zoldyq.server.api.waits import DequeueWait, EnqueueWait, Wait, give_back
from zoldyq.wire import Buffer, Reply, documents


class Limits(msgspec.Struct, frozen=True):
    """What a single request may ask for: seconds, messages and bytes."""

    max_timeout: float = defaults.MAX_TIMEOUT
    max_count: int = defaults.MAX_COUNT
    max_batch: int = defaults.MAX_BATCH
    max_body_bytes: int = defaults.MAX_BODY_BYTES

    def check_body(self, size: int) -> None:
        """Accept the size of a body in bytes, or raise BodyTooLarge."""
        if size > self.max_body_bytes:
            raise self.body_too_large()

    def body_too_large(self) -> BodyTooLarge:
        """Return what a body beyond the limit is refused with."""
        return BodyTooLarge(
            f"the body is larger than {self.max_body_bytes} bytes: "
            "send smaller batches, or raise max_body_bytes",
            max_body_bytes=self.max_body_bytes,
        )


class EnqueueCall(msgspec.Struct, frozen=True, gc=False):
    """What an enqueue asks for, without its body. ``timeout`` is in seconds.

    ``ttl`` is the lifetime of its messages in microseconds, None for that of the queue.
    """

    name: str
    timeout: float
    parse: Callable[[Buffer, int], tuple[Sequence[bytes], bool]]
    ttl: int | None = None


class DequeueCall(msgspec.Struct, frozen=True, gc=False):
    """What a dequeue asks for. ``timeout`` is in seconds; ``count`` is None for a single one.

    ``lines`` is the media type for one payload a line, None for a document.
    """

    name: str
    timeout: float
    count: int | None
    lines: str | None


#: Clients of a queue that are told of. There may be thousands.
MOST_CLIENTS = 100

#: Messages that one request moves at most.
MAX_MOVED = 1_000_000_000

#: Tells whether a caller may see the queue with this name.
Sees = Callable[[str], bool]


class Operations:
    """Every operation of the wire contract, over some queues and within some limits.

    Methods return a :class:`Reply` or raise a ``ZoldyQError``, except that enqueue and dequeue
    return a :class:`~zoldyq.server.api.waits.Wait` where the caller asked to wait and has to.
    """

    #: Whether enqueue and dequeue return a wait in any case: the queues live elsewhere.
    always_waits = False

    def __init__(
        self,
        queues: Queues,
        limits: Limits | None = None,
        durations: OperationDurations | None = None,
        *,
        history_queues: int = defaults.HISTORY_QUEUES,
    ) -> None:
        self.queues = queues
        self.limits = limits or Limits()
        self.durations = durations or OperationDurations()
        self.refusals = Refusals()
        self.waiting = Waiting()
        self.history = History(self.durations, history_queues)
        self._started = time.monotonic()

    # -- enqueue -----------------------------------------------------------------------------

    def enqueue_call(self, name: str, query: str, content_type: str | None) -> EnqueueCall:
        """Read what an enqueue asks for.

        Raises:
            InvalidQueueName, InvalidTimeout, InvalidTtl, UnknownParameter: it is not allowed.
        """
        check_queue_name(name)
        parameters = wire.parse_query(query, _PARAMETERS["enqueue"])
        ndjson = wire.is_ndjson(content_type)
        return EnqueueCall(
            name,
            wire.parse_timeout(parameters.get("timeout"), self.limits.max_timeout),
            wire.parse_ndjson if ndjson else wire.parse_enqueue,
            wire.parse_ttl(parameters.get("ttl")),
        )

    def enqueue(
        self, call: EnqueueCall, body: Buffer, wake: Wake, at: int | None = None
    ) -> Reply | Wait[Reply]:
        """Append the messages of a body, or stand in line for room if the call says so.

        ``wake`` is called once there is something to see for a wait; ``at`` is the time stamp
        in microseconds since the epoch (None: now).
        """
        began = perf_counter()
        payloads, batch = call.parse(body, self.limits.max_batch)
        outcome = self.queues.begin_enqueue(
            call.name, payloads, at, ttl=call.ttl, wake=wake if call.timeout else None
        )
        if isinstance(outcome, Receipt):  # asked for first: the other answer takes twice the time
            reply = wire.enqueue_reply(call.name, outcome, batch)
            self.durations.enqueue.observe(perf_counter() - began)
            return reply
        wait = EnqueueWait(
            self.queues,
            call.name,
            outcome,
            timeout=call.timeout,
            began=began,
            durations=self.durations.enqueue_waited,
            batch=batch,
            ended=self.waiting.leave,
        )
        try:
            self.waiting.enter(wait, Client(call.name, "enqueue", address_of(wake), began))
        except BaseException:
            wait.abandon()
            raise
        return wait

    # -- dequeue -----------------------------------------------------------------------------

    def dequeue_call(self, name: str, query: str, accept: str | None) -> DequeueCall:
        """Read what a dequeue asks for.

        Raises:
            InvalidQueueName, InvalidTimeout, InvalidCount, UnknownParameter: it is not allowed.
        """
        check_queue_name(name)
        parameters = wire.parse_query(query, _PARAMETERS["dequeue"])
        return DequeueCall(
            name,
            wire.parse_timeout(parameters.get("timeout"), self.limits.max_timeout),
            wire.parse_count(parameters.get("count"), self.limits.max_count),
            wire.accepted_lines(accept),
        )

    def dequeue(self, call: DequeueCall, wake: Wake) -> Reply | Wait[Reply]:
        """Take messages, or stand in line for them if the call says so."""
        began = perf_counter()
        outcome = self.queues.begin_dequeue(
            call.name,
            call.count or 1,
            self.limits.max_body_bytes,
            wake=wake if call.timeout else None,
        )
        try:
            if isinstance(outcome, Delivery):
                reply = wire.delivery_reply(call.name, outcome, call.count is not None, call.lines)
                self.durations.dequeue.observe(perf_counter() - began)
                return reply
            wait = DequeueWait(
                self.queues,
                call.name,
                outcome,
                timeout=call.timeout,
                began=began,
                durations=self.durations.dequeue_waited,
                render=partial(delivery_reply, call),
                ended=self.waiting.leave,
            )
            self.waiting.enter(wait, Client(call.name, "dequeue", address_of(wake), began))
            return wait
        except BaseException:
            give_back(self.queues, call.name, outcome)
            raise

    def take(
        self, name: str, count: int, max_bytes: int, wake: Wake, *, in_line: int | None = None
    ) -> Delivery | Wait[Delivery]:
        """Take messages for a stream, or stand in line for them as long as the stream lives.

        This is :meth:`dequeue` without rendering: the caller owns the messages it gets, and
        returns to the queue what could not be written.
        """
        began = perf_counter()
        outcome = self.queues.begin_dequeue(name, count, max_bytes, wake=wake, in_line=in_line)
        try:
            if isinstance(outcome, ConsumerPlace):
                return DequeueWait(
                    self.queues,
                    name,
                    outcome,
                    timeout=math.inf,
                    began=began,
                    durations=self.durations.dequeue_waited,
                    render=as_it_is,
                )
            self.durations.dequeue.observe(perf_counter() - began)
        except BaseException:
            give_back(self.queues, name, outcome)
            raise
        return outcome

    def put_back(self, reply: Reply) -> None:
        """Return the messages of a reply that could not be written to their places."""
        if reply.delivered is not None:
            self.queues.put_back(reply.queue_name, reply.delivered)

    # -- administration ------------------------------------------------------------------------

    def peek(self, name: str, query: str, accept: str | None) -> Reply:
        """Show the oldest messages and take nothing."""
        check_queue_name(name)
        parameters = wire.parse_query(query, _PARAMETERS["peek"])
        count = wire.parse_count(parameters.get("count"), self.limits.max_count)
        delivery = self.queues.peek(name, count or 1, self.limits.max_body_bytes)
        return wire.peek_reply(name, delivery, wire.accepted_lines(accept))

    def list_queues(self, sees: Sees) -> Reply:
        """Return the statistics of the queues that the caller may see."""
        return wire.document_reply(documents.Queues(*self._queues(sees)))

    def show_queue(self, name: str) -> Reply:
        """Return the statistics of one queue."""
        check_queue_name(name)
        stats = self.queues.stats(name)
        return wire.document_reply(documents.queue_document(name, stats))

    def show_history(self, name: str) -> Reply:
        """Return what is known of a queue's last hour, and of the server's durations in it."""
        check_queue_name(name)
        samples, durations = self.history.of(name, self.queues.stats(name))
        document = documents.History(
            name,
            SAMPLE_SECONDS,
            samples.at,
            samples.columns,
            documents.ServerHistory(durations.at, durations.columns),
        )
        return wire.document_reply(document)

    def list_clients(self, name: str, streams: Sequence[Client], *, addresses: bool) -> Reply:
        """Return who waits for a queue and which ``streams`` are open, the longest first.

        Without ``addresses`` it is left out where they are.
        """
        check_queue_name(name)
        found = sorted([*self.waiting.of(name), *streams], key=lambda client: client.began)
        clients = [
            documents.Client(
                client.kind,
                client.address if addresses else None,
                round(client.seconds, 3),
            )
            for client in found[:MOST_CLIENTS]
        ]
        return wire.document_reply(documents.Clients(name, len(found), clients))

    def create_queue(self, name: str, body: Buffer) -> Reply:
        """Create a queue with a policy of its own, or tell that it is there already."""
        check_queue_name(name)
        created, policy = self.queues.create(name, **check_fields(wire.parse_policy(body)))
        document = documents.Created(created, name, **policy.document())
        return wire.document_reply(document, 201 if created else 200)

    def update_queue(self, name: str, body: Buffer) -> Reply:
        """Change fields of a queue's policy, at once."""
        check_queue_name(name)
        changed, policy = self.queues.update(name, **check_fields(wire.parse_policy(body)))
        return wire.document_reply(documents.Changed(changed, name, **policy.document()))

    def delete_queue(self, name: str) -> Reply:
        """Delete a queue with what is in it, ending its waiters."""
        check_queue_name(name)
        dropped = self.queues.delete(name)
        return wire.document_reply(documents.Deleted(True, name, dropped))

    def purge_queue(self, name: str) -> Reply:
        """Drop the messages of a queue."""
        check_queue_name(name)
        return wire.document_reply(documents.Purged(name, self.queues.purge(name)))

    def move_messages(self, name: str, query: str, token: Token) -> Reply:
        """Move messages to the end of another queue, which ``token`` has to cover as well.

        Raises:
            InvalidQueueName: ``to`` is not given, or is no name.
            InvalidMove: it is the same queue.
            Forbidden: the token may not enqueue there.
        """
        check_queue_name(name)
        parameters = wire.parse_query(query, _PARAMETERS["move_messages"])
        to = parameters.get("to")
        if to is None:
            raise InvalidQueueName("name the queue to move the messages to: ?to=NAME")
        check_queue_name(to)
        if to == name:
            raise InvalidMove("name another queue to move the messages to", queue_name=name)
        check_right(token, Right.PRODUCE, to)
        count = wire.parse_count(parameters.get("count"), MAX_MOVED)
        moved = self.queues.move(name, to, count)
        return wire.document_reply(documents.Moved(name, to, moved.moved, moved.left))

    def live(self) -> Reply:
        """Tell that the process lives, and nothing else: for probes, which ask often."""
        return _ALIVE

    def health(self, sees: Sees | None) -> Reply:
        """Tell that the process lives, and how the queues are that the caller may see.

        A caller that may see none (None) is not told of any.
        """
        status: Literal["draining", "healthy"] = "draining" if self.queues.draining else "healthy"
        uptime = round(time.monotonic() - self._started, 3)
        document = documents.Health(status, uptime, __version__)
        if sees is not None:
            document.backend = self.backend()
            with suppress(BackendUnavailable):  # the process lives, and tells what it can
                document.total_queues, document.queues = self._queues(sees)
        return wire.document_reply(document)

    def backend(self) -> documents.Backend:
        """Tell where the queues are."""
        return documents.Backend("memory")

    def ready(self) -> Reply:
        """Tell whether new messages are welcome: 503 with the reason where they are not."""
        if self.queues.draining:
            return wire.document_reply(documents.Ready(False, "shutting_down"), 503)
        if self.queues.memory_full:
            return wire.document_reply(documents.Ready(False, "memory_limit"), 503)
        return wire.document_reply(documents.Ready(True))

    def _queues(self, sees: Sees) -> tuple[int, documents.EncodedQueues]:
        every = slices(self.queues.all_stats())
        seen = ([each for each in part if sees(each[0])] for part in every)
        return documents.encode_queues(part for part in seen if part)


_PARAMETERS = {route.operation: route.parameters for route in ROUTES}

_ALIVE = wire.document_reply(documents.Live(True))


def delivery_reply(call: DequeueCall, delivery: Delivery) -> Reply:
    """Return what answers a dequeue."""
    return wire.delivery_reply(call.name, delivery, call.count is not None, call.lines)


def as_it_is(delivery: Delivery) -> Delivery:
    """Return the delivery: a stream renders it itself."""
    return delivery
