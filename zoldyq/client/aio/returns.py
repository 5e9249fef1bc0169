"""Messages that came for a call which was cancelled, and their way back.

A dequeue takes a message from the queue before the client has it. If the call is cancelled in
between, the message would be lost. So the request goes on in the background: the client hangs up,
which has the server keep what it has not sent yet, and reads what it has sent. What was sent goes
to the next dequeue of that queue by this client, and if none comes soon, to the end of the queue.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from zoldyq.client import requests
from zoldyq.client.aio.connector import Line
from zoldyq.client.aio.signal import Signal
from zoldyq.client.aio.transport import AsyncTransport
from zoldyq.client.backoff import Backoff
from zoldyq.client.documents import Message
from zoldyq.client.own_work import log
from zoldyq.client.payloads import batch_body
from zoldyq.contract.errors import ZoldyQError

#: A message waits for the next dequeue of this client for so many seconds.
_HOLD_SECONDS = 1.0

#: An attempt to put messages back may take so many seconds.
_ATTEMPT_SECONDS = 5.0

#: Asks for messages over a line.
Ask = Callable[[Line], Awaitable[Sequence[Message]]]


class Returns:
    """The messages of cancelled calls of one client."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._held: dict[str, deque[Message]] = {}
        self._changed = Signal()
        self._closing = False
        self._rescues: set[asyncio.Task[None]] = set()
        #: What could not be put back when the client was closed, by the names of the queues.
        self.leftover: dict[str, tuple[Message, ...]] = {}

    async def dequeue(self, name: str, count: int, ask: Ask) -> Sequence[Message]:
        """Return up to ``count`` messages: of those that are held, else what ``ask`` brings.

        If this is cancelled, no message is lost.
        """
        if name in self._held:
            return self._take(name, count)
        line = Line()
        asking = self._transport.start(_run(ask, line))
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            rescue = self._transport.start(self._rescue(name, line, asking))
            self._rescues.add(rescue)
            rescue.add_done_callback(self._rescues.discard)
            raise

    async def close(self) -> None:
        """Put back what is held, and wait until nothing is on its way."""
        self._closing = True
        self._changed.notify()
        if self._rescues:
            await asyncio.wait(self._rescues)

    def _take(self, name: str, count: int) -> Sequence[Message]:
        held = self._held[name]
        taken = [held.popleft() for _ in range(min(count, len(held)))]
        if not held:
            del self._held[name]
        self._changed.notify()
        return taken

    async def _rescue(self, name: str, line: Line, asking: asyncio.Task[Sequence[Message]]) -> None:
        messages = await _rest_of(line, asking, self._transport.endpoint.reply_timeout)
        if not messages:
            return
        self._held.setdefault(name, deque()).extend(messages)
        backoff = Backoff()
        wait = _HOLD_SECONDS
        while name in self._held:
            await self._changed.wait_for(lambda: self._closing or name not in self._held, wait)
            wait = backoff.next()
            if name in self._held:
                await self._put_back(name)

    async def _put_back(self, name: str) -> None:
        messages = self._take(name, len(self._held[name]))
        body = batch_body([message.raw for message in messages])
        try:
            await self._transport.call(requests.enqueue(name, body, None), _ATTEMPT_SECONDS)
        except ZoldyQError as error:
            self._keep(name, messages, error)
        else:
            log.info("%s: put back %d messages of cancelled calls", name, len(messages))

    def _keep(self, name: str, messages: Sequence[Message], error: ZoldyQError) -> None:
        count = len(messages)
        log.warning("%s: %d messages of cancelled calls are not put back: %s", name, count, error)
        if self._closing:
            self.leftover[name] = (*self.leftover.get(name, ()), *messages)
        else:
            self._held.setdefault(name, deque()).extendleft(reversed(messages))


async def _run(ask: Ask, line: Line) -> Sequence[Message]:
    return await ask(line)


async def _rest_of(
    line: Line, asking: asyncio.Task[Sequence[Message]], seconds: float
) -> Sequence[Message]:
    """Hang up, and return what the server had sent before it noticed."""
    if not asking.done():
        if line.hang_up():
            await asyncio.wait((asking,), timeout=seconds)
        asking.cancel()
        await asyncio.wait((asking,))
    failed = asking.cancelled() or asking.exception() is not None
    return () if failed else asking.result()
