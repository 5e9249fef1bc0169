"""Operations over queues that live elsewhere: no enqueue or dequeue is ever answered at once.

Each returns a wait, also where the caller did not ask to wait: its server parks the request until
the answer has come.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar, cast

from zoldyq import wire
from zoldyq.contract import defaults
from zoldyq.contract.errors import ZoldyQError
from zoldyq.metrics.durations import Durations, OperationDurations
from zoldyq.queue import Delivery, Queues, QueueSet, Receipt, Wake
from zoldyq.server.api.clients import Client, Kind, address_of
from zoldyq.server.api.operations import (
    DequeueCall,
    EnqueueCall,
    Limits,
    Operations,
    as_it_is,
    delivery_reply,
)
from zoldyq.server.api.waits import Ended, tell_nobody
from zoldyq.wire import Buffer, Reply, documents

_Taken_co = TypeVar("_Taken_co", bound=Delivery | Receipt, covariant=True)
_Taken = TypeVar("_Taken", bound=Delivery | Receipt)
_Outcome = TypeVar("_Outcome")


class RemotePlace(Protocol[_Taken_co]):
    """An operation on its way. ``stood`` says that it had to stand in line."""

    @property
    def settled(self) -> bool:
        """Whether :meth:`leave` has an answer."""

    @property
    def stood(self) -> bool:
        """Whether it had to stand in line."""

    def leave(self, expired: bool = False) -> _Taken_co | None:
        """Quit the line; return the answer, or None: its owner is woken once there is one."""


class RemoteQueues(QueueSet, Protocol):
    """Queues that live elsewhere. ``wake`` is called once there is an answer.

    Only with ``waits`` an operation stands in line.
    """

    def begin_enqueue(
        self,
        name: str,
        payloads: Sequence[bytes],
        at: int | None = None,
        *,
        wake: Wake,
        ttl: int | None = None,
        waits: bool = False,
    ) -> RemotePlace[Receipt]:
        """Send messages on their way."""

    def begin_dequeue(
        self,
        name: str,
        count: int,
        max_bytes: int,
        *,
        wake: Wake,
        in_line: int | None = None,
        waits: bool = False,
    ) -> RemotePlace[Delivery]:
        """Ask for messages."""

    @property
    def away(self) -> bool:
        """Whether the queues cannot be reached."""

    @property
    def up(self) -> bool:
        """Whether the queues can be reached now."""

    @property
    def nodes(self) -> Sequence[str]:
        """The servers that keep the queues."""


class RemoteWait(Generic[_Taken, _Outcome]):
    """An operation on its way. ``render`` makes the outcome of the answer.

    ``timeout`` is infinite where the caller does not wait: an answer comes in any case.
    """

    def __init__(
        self,
        place: RemotePlace[_Taken],
        *,
        timeout: float,
        began: float,
        durations: tuple[Durations, Durations],
        render: Callable[[_Taken], _Outcome],
        give_back: Callable[[_Taken], None],
        ended: Ended = tell_nobody,
    ) -> None:
        self.stands = timeout > 0
        self._ended = ended
        self.timeout = timeout or math.inf
        self.began = began
        self._place = place
        self._durations = durations
        self._render = render
        self._give_back = give_back

    def finish(self, *, expired: bool = False) -> _Outcome | None:
        """Return the outcome, or None: not settled yet, the owner is woken once it is.

        Raises:
            ZoldyQError: why the operation was refused, or why nobody knows.
        """
        if not self._place.settled and not (expired and self.stands):
            return None
        taken = self._place.leave(expired)
        if taken is None:
            return None
        try:
            outcome = self._render(taken)
            self._durations[self._place.stood].observe(perf_counter() - self.began)
            self._ended(self)
        except BaseException:
            self._give_back(taken)
            raise
        return outcome

    def abandon(self) -> None:
        """Quit the line because the client has gone. Messages that were taken for it go back."""
        with suppress(ZoldyQError):
            taken = self._place.leave()
            if taken is not None:
                self._give_back(taken)
        self._ended(self)


class RemoteOperations(Operations):
    """Every operation of the wire contract, over queues that live elsewhere."""

    always_waits = True

    def __init__(
        self,
        queues: RemoteQueues,
        limits: Limits | None = None,
        durations: OperationDurations | None = None,
        *,
        history_queues: int = defaults.HISTORY_QUEUES,
    ) -> None:
        # The operations that enqueue and dequeue are all overridden below.
        super().__init__(cast(Queues, queues), limits, durations, history_queues=history_queues)
        self._remote = queues

    def enqueue(
        self, call: EnqueueCall, body: Buffer, wake: Wake, at: int | None = None
    ) -> RemoteWait[Receipt, Reply]:
        """Send the messages of a body on their way."""
        began = perf_counter()
        payloads, batch = call.parse(body, self.limits.max_batch)
        place = self._remote.begin_enqueue(
            call.name, payloads, at, wake=wake, ttl=call.ttl, waits=call.timeout > 0
        )
        wait: RemoteWait[Receipt, Reply] = RemoteWait(
            place,
            timeout=call.timeout,
            began=began,
            durations=(self.durations.enqueue, self.durations.enqueue_waited),
            render=lambda receipt: wire.enqueue_reply(call.name, receipt, batch),
            give_back=_keep,
            ended=self.waiting.leave,
        )
        return self._listed(wait, "enqueue", call.name, wake)

    def dequeue(self, call: DequeueCall, wake: Wake) -> RemoteWait[Delivery, Reply]:
        """Ask for messages."""
        render = partial(delivery_reply, call)
        most = self.limits.max_body_bytes
        wait = self._take(
            call.name, call.count or 1, most, wake, timeout=call.timeout, render=render
        )
        return self._listed(wait, "dequeue", call.name, wake)

    def take(
        self, name: str, count: int, max_bytes: int, wake: Wake, *, in_line: int | None = None
    ) -> RemoteWait[Delivery, Delivery]:
        """Ask for messages for a stream."""
        return self._take(
            name, count, max_bytes, wake, timeout=math.inf, render=as_it_is, in_line=in_line
        )

    def _take(
        self,
        name: str,
        count: int,
        max_bytes: int,
        wake: Wake,
        *,
        timeout: float,
        render: Callable[[Delivery], _Outcome],
        in_line: int | None = None,
    ) -> RemoteWait[Delivery, _Outcome]:
        began = perf_counter()
        place = self._remote.begin_dequeue(
            name, count, max_bytes, wake=wake, in_line=in_line, waits=timeout > 0
        )
        return RemoteWait(
            place,
            timeout=timeout,
            began=began,
            durations=(self.durations.dequeue, self.durations.dequeue_waited),
            render=render,
            give_back=partial(self._give_back, name),
            ended=self.waiting.leave,
        )

    def _listed(
        self,
        wait: RemoteWait[_Taken, _Outcome],
        kind: Kind,
        name: str,
        wake: Wake,
    ) -> RemoteWait[_Taken, _Outcome]:
        """Return a wait, and list it among those who wait if it may stand in line."""
        try:
            if wait.stands:
                self.waiting.enter(wait, Client(name, kind, address_of(wake), wait.began))
        except BaseException:
            wait.abandon()
            raise
        return wait

    def _give_back(self, name: str, delivery: Delivery) -> None:
        if delivery.messages:
            self.queues.put_back(name, delivery)

    def ready(self) -> Reply:
        """Tell whether new messages are welcome: not while the backend is away, either."""
        if self._remote.away and not self.queues.draining:
            return wire.document_reply(documents.Ready(False, "backend_unavailable"), 503)
        return super().ready()

    def backend(self) -> documents.Backend:
        """Tell where the queues are."""
        return documents.Backend("redis", list(self._remote.nodes), self._remote.up)


def _keep(_receipt: Any) -> None:
    """Leave messages queued that were accepted."""
