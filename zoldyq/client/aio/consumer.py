"""Messages that are consumed as they become available, one after the other, in a coroutine."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Sequence
from types import TracebackType

from zoldyq.client.aio.stream import AsyncStream
from zoldyq.client.documents import Message


class AsyncConsumer:
    """Iterate over it with ``async for``; use it in ``async with``, or close it, to end the stream.

    It is made by :meth:`AsyncRemoteQueue.consume`. Iterate in one task; any other may call
    :meth:`close`.

    However the stream ends in good order (its block ends, ``close`` is called, the loop is left and
    the consumer is garbage, the client is closed, ``asyncio.run`` ends), messages that had been
    fetched ahead return to the head of the queue, in order. So it is after a cancellation, which
    never takes a message with it. The message that was handed out last belongs to the program. What
    was fetched ahead is lost only if the process is killed, or if the connection breaks at the end
    (:attr:`leftover`).
    """

    def __init__(self, stream: AsyncStream) -> None:
        self._stream = stream
        # At the end of the program the event loop has ended the stream.
        weakref.finalize(self, stream.finalize).atexit = False

    @property
    def leftover(self) -> Sequence[Message]:
        """After the end: messages that had been fetched and could not be put back.

        The program may handle them or enqueue them again; they are lost otherwise.
        """
        return self._stream.leftover

    async def poll(self, timeout: float, *, keep: int = 0) -> Message | None:
        """Return the next message if it comes within ``timeout`` seconds, else None.

        The last ``keep`` messages that were handed out are not done yet: the server sends others
        in their place only later, and :meth:`close_and_put_back` can return them.
        Unlike iterating, this goes on after a time without messages; :attr:`over` tells the end.
        A connection that broke is made anew first, for as long as ``reconnect_seconds`` say.

        Raises: what iterating raises, but for StopAsyncIteration.
        """
        return await self._stream.poll(timeout, keep)

    @property
    def over(self) -> bool:
        """Whether no message will come any more: it was closed, or has had its ``limit``."""
        return self._stream.over

    @property
    def fetched(self) -> int:
        """How many messages are here already, and come without waiting."""
        return self._stream.fetched

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        """Return the next message, waiting for it.

        Raises:
            StopAsyncIteration: the consumer was closed, has had its ``limit`` of messages, or
                nothing came for ``idle_timeout`` seconds.
            ServerUnreachable, Overloaded: there was no connection for too long.
            ZoldyQError: the server refuses this stream.
        """
        message = await self._stream.next()
        if message is None:
            raise StopAsyncIteration
        return message

    async def close(self) -> None:
        """End the stream, and put back what was fetched ahead. Iterating is over then.

        If this is cancelled, the stream ends nevertheless, in the background.
        """
        await self._stream.close()

    async def close_and_put_back(self, messages: Sequence[Message]) -> None:
        """End the stream, and put back messages as well that were handed out and not used.

        They must be the last ones, in order: those that the last :meth:`poll` was told to ``keep``,
        and the one that it returned. What the server does not take back is in :attr:`leftover`.
        """
        await self._stream.end_with(messages)

    async def __aenter__(self) -> AsyncConsumer:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
