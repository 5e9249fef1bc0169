"""Single messages in, batches out, on an event loop.

Any task appends to a buffer; one of the producer's own sends it (:mod:`zoldyq.client.aio.sender`).
"""

from __future__ import annotations

import weakref
from types import TracebackType
from typing import Any

from msgspec import UNSET, UnsetType

from zoldyq.client.aio.sender import AsyncSender, AsyncSendSome
from zoldyq.client.aio.transport import AsyncTransport
from zoldyq.client.buffer import ProducerStats
from zoldyq.client.deadline import seconds
from zoldyq.client.errors import MessagesUnsent
from zoldyq.client.options import SenderOptions, check_sender_options
from zoldyq.client.own_work import log
from zoldyq.client.payloads import checked, encode


class AsyncProducer:
    """Sends messages in batches and in order. The tasks of one event loop may share it.

    Use it in ``async with``, or close it. It is made by :meth:`AsyncRemoteQueue.producer`; the
    options are those of :meth:`RemoteQueue.producer`. ``timeout`` is for :meth:`send`,
    :meth:`flush` and :meth:`close`.

    An outage of the server or a full queue does not end it: it keeps its buffer and goes on
    trying. A batch whose reply was lost is sent again, so the queue may have it twice
    (``stats().resent``), unless ``resend_unknown`` is False. What was not closed at the end of the
    event loop has five seconds for the rest.

    Raises:
        InvalidOption: an option is out of its range.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        send_some: AsyncSendSome,
        options: SenderOptions,
        timeout: float | None,
    ) -> None:
        check_sender_options(options)
        self._options = options
        self._timeout = seconds(timeout)
        self._sender = AsyncSender(transport, send_some, options)
        # One that is dropped without having been closed still sends what it has. At the end of the
        # program the event loop has ended its task.
        weakref.finalize(self, self._sender.finalize, self._timeout).atexit = False

    async def send(self, payload: Any) -> None:
        """Append a message: any value that JSON can express. A cancelled call has taken nothing.

        Raises:
            InvalidPayload: JSON cannot express the value.
            BufferFull: there is no room for it, also after waiting where ``when_full="block"``.
            ClientClosed: the producer is closed.
            MessagesUnsent: it has given up, after ``give_up_after`` seconds; this message is not
                among the ``payloads``.
        """
        await self._sender.append(encode(payload), self._timeout)

    async def send_raw(self, text: bytes | str) -> None:
        """Append a message that is JSON text already; else as :meth:`send`.

        Raises:
            InvalidJson: it is not a JSON text.
        """
        await self._sender.append(checked(text), self._timeout)

    async def flush(self, timeout: float | UnsetType | None = UNSET) -> None:
        """Wait until every message so far is acknowledged; ``timeout`` is the producer's if unset.

        Raises:
            NotAcknowledged: it takes longer. The messages stay in the buffer.
            MessagesUnsent: the server refused some for good. Their texts are in ``payloads``.
        """
        await self._sender.flush(self._timeout if timeout is UNSET else seconds(timeout))

    async def close(self, timeout: float | UnsetType | None = UNSET) -> None:
        """Send what is left, and end. ``timeout`` is the producer's if unset; None has no end.

        If this is cancelled, the rest is sent nevertheless, in the background.

        Raises:
            MessagesUnsent: not all could be sent in time. Their texts are in ``payloads``.
        """
        await self._sender.close(self._timeout if timeout is UNSET else seconds(timeout))

    def stats(self) -> ProducerStats:
        """Return what became of the messages so far."""
        return self._sender.stats()

    async def __aenter__(self) -> AsyncProducer:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it. An exception of the block stays the one that is raised."""
        try:
            await self.close()
        except MessagesUnsent as unsent:
            if error is None:
                raise
            log.warning("%s: %s", self._options.name, unsent)
            error.add_note(f"beside this, {unsent}")
            if error.__context__ is None:
                unsent.__context__ = None  # it would be this error: a cycle
                error.__context__ = unsent
