"""The task of an ``AsyncProducer``: it sends what is in a buffer, in batches and in order.

The rules are those of :mod:`zoldyq.client.sender`: the task goes on trying for as long as it takes,
and a message leaves the buffer when the server has acknowledged it, when the server will never take
it, when the buffer is full and the oldest have to go, or when the time of a closed sender is over.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from zoldyq.client.aio.signal import Signal
from zoldyq.client.aio.transport import AsyncTransport
from zoldyq.client.buffer import Buffer, ProducerStats
from zoldyq.client.deadline import Deadline
from zoldyq.client.delivery import Delivery, is_about_a_message, tell
from zoldyq.client.errors import ClientClosed
from zoldyq.client.options import SenderOptions
from zoldyq.client.outage import Outage
from zoldyq.client.own_work import log

#: A sender that is closed pauses no longer than this between attempts, in seconds.
_LAST_PAUSE = 0.1

#: At the end of the event loop, a sender that was not closed has so many seconds for what is left.
_EXIT_SECONDS = 5.0

#: Sends as many of the first of some payloads as it can, within so many seconds. Returns how many,
#: and how many older messages had to go from the queue for them.
AsyncSendSome = Callable[[Sequence[bytes], float], Awaitable[tuple[int, int]]]


class AsyncSender:
    """Takes messages from the tasks of one event loop, and sends them from one of its own.

    The task starts with the first message.
    """

    def __init__(
        self, transport: AsyncTransport, send_some: AsyncSendSome, options: SenderOptions
    ) -> None:
        self._transport = transport
        self._send_some = send_some
        self._options = options
        self._batch_messages = options.limits.batch_messages
        self._batch_bytes = options.limits.batch_bytes
        # Notified when the task has something to do, or has done something.
        self._changed = Signal()
        self._buffer = Buffer(options.limits)
        self._delivery = Delivery(self._buffer, options)
        self._task: asyncio.Task[None] | None = None
        self._ended = False  # whether the task is over
        self._due = Deadline(0.0)  # when what waits goes out, even if it is no whole batch
        self._hurry_until = 0  # messages up to this number do not wait for company
        self._end: Deadline | None = None  # once it is closed

    # -- for the program -----------------------------------------------------------------------

    async def append(self, text: bytes, timeout: float) -> None:
        """Take a message; wait up to ``timeout`` seconds for room if that is what to do.

        A call that is cancelled has not taken it.

        Raises:
            BufferFull: there is no room for it.
            ClientClosed: the sender was closed.
            MessagesUnsent: the sender has given up; this message is not among the payloads.
        """
        buffer = self._buffer
        if self._task is None and self._end is None:
            self._task = self._transport.start(self._run())
            await asyncio.sleep(0)  # a task that has not begun is not asked when it is cancelled
        elif buffer.has_batch:
            await asyncio.sleep(0)  # a loop that does nothing but send would let no other task run
        if self._end is not None:
            self._refuse_to_append()
        count = buffer.append(text)
        if not count:
            await self._make_room(text, timeout)
            count = buffer.append(text)
        if count == 1:
            self._due = Deadline(self._options.max_delay)
            self._changed.notify()
        if count >= self._batch_messages or buffer.waiting_bytes >= self._batch_bytes:
            self._changed.notify()

    async def flush(self, timeout: float) -> None:
        """Wait until every message so far is done with.

        Raises:
            NotAcknowledged: that took longer than ``timeout`` seconds.
            MessagesUnsent: some were refused for good.
        """
        target = self._hurry_until = self._buffer.accepted
        self._changed.notify()
        await self._changed.wait_for(lambda: self._buffer.done >= target or self._ended, timeout)
        pending = target - self._buffer.done
        if pending > 0:
            unknown = self._delivery.not_acknowledged(pending, timeout)
            raise unknown from self._delivery.reason
        self._raise_untold()

    async def close(self, timeout: float) -> None:
        """Send what is left within ``timeout`` seconds, and end. With 0, until an attempt fails.

        If this is cancelled, the task goes on until all is sent or the time is over.

        Raises:
            MessagesUnsent: some messages were not sent.
        """
        self.stop(timeout)
        if self._task is not None:
            await self._changed.wait_for(lambda: self._ended, timeout or math.inf)
        self._delivery.give_up()
        self._changed.notify()
        self._raise_untold()

    def stop(self, timeout: float) -> None:
        """Take no more messages, and end when all are sent or after ``timeout`` seconds."""
        if self._end is None:
            self._end = Deadline(timeout)
        self._changed.notify()

    def finalize(self, timeout: float) -> None:
        """Stop, for a producer that was dropped. Called on any thread."""
        loop = self._transport.loop
        if loop is not None and self._task is not None and not self._ended:
            with suppress(RuntimeError):  # the loop is closed, and has ended the task before
                loop.call_soon_threadsafe(self.stop, timeout)

    def stats(self) -> ProducerStats:
        """Return one consistent set of figures."""
        return self._buffer.stats()

    # -- helpers of these ------------------------------------------------------------------------

    def _refuse_to_append(self) -> NoReturn:
        raise self._delivery.refusal(ended=self._ended)

    async def _make_room(self, text: bytes, timeout: float) -> None:
        buffer, policy = self._buffer, self._options.when_full
        if policy == "drop_oldest":
            while not buffer.has_room(text):
                buffer.drop_oldest()
            return
        if policy == "block":
            await self._changed.wait_for(
                lambda: self._end is not None or buffer.has_room(text), timeout
            )
            if self._end is not None:
                self._refuse_to_append()
        if not buffer.has_room(text):
            raise self._delivery.turned_away() from self._delivery.reason

    def _is_due(self) -> bool:
        buffer = self._buffer
        return bool(buffer) and (
            self._end is not None
            or buffer.done < self._hurry_until
            or buffer.has_batch
            or self._due.passed
        )

    def _raise_untold(self) -> None:
        unsent = self._delivery.take_untold()
        if unsent is not None:
            raise unsent from self._delivery.reason

    # -- the task --------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._send_all()
        except asyncio.CancelledError:
            await self._finish()
            raise
        finally:
            self._ended = True
            self._changed.notify()

    async def _finish(self) -> None:
        """Send what is left at the end of the event loop, which has cancelled the task."""
        self.stop(_EXIT_SECONDS)
        await self._send_all()
        pending = self._buffer.pending
        if pending:
            log.warning("%s: %d messages are left at the end of the program: %s",
                        self._options.name, pending, self._delivery.reason)  # fmt: skip

    async def _send_all(self) -> None:
        """Send what there is and what comes, until the sender is closed."""
        while (self._delivery.batch or await self._next_batch()) and await self._deliver():
            pass

    async def _next_batch(self) -> bool:
        """Wait for a batch, and tell whether there is one to send."""
        while not self._is_due():
            if self._end is not None:
                return False
            await self._changed.wait(self._due.left if self._buffer else math.inf)
        self._delivery.begin()
        self._due = Deadline(self._options.max_delay)
        self._changed.notify()
        return True

    async def _deliver(self) -> bool:
        """Send the batch, however often that takes; False when there is no time left for it."""
        outage = Outage(self._options.name, self._options.give_up_after)
        while batch := self._delivery.batch:
            try:
                sent, displaced = await self._send_some(batch, self._wait_seconds(outage))
            except Exception as error:  # noqa: BLE001 - the task outlives every failure
                tell(self._options, self._delivery.failed(error, batch))
                self._changed.notify()
                if not await self._pause(outage, error):
                    return False
            else:
                outage.over()
                self._delivery.succeeded(sent, displaced)
                self._changed.notify()
        return True

    def _wait_seconds(self, outage: Outage) -> float:
        end = self._end
        seconds = self._delivery.attempt_seconds
        return min(seconds, outage.left, math.inf if end is None else end.left)

    async def _pause(self, outage: Outage, error: Exception) -> bool:
        """Wait a moment before the next attempt; False if there is to be none."""
        if is_about_a_message(error):
            return True  # the next attempt is with another one
        seconds = outage.goes_on(error)
        if self._end is None:
            await self._changed.wait_for(lambda: self._end is not None, seconds)
        if isinstance(error, ClientClosed) or not outage.left:
            # Both at once, for a call that waits for room.
            self._end, self._ended = Deadline(0.0), True
            self._changed.notify()
        if self._end is None:
            return True
        await asyncio.sleep(min(seconds, self._end.left, _LAST_PAUSE))
        return not self._end.passed
