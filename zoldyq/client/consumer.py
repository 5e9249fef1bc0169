"""Messages that are consumed as they become available, one after the other."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from types import TracebackType

from zoldyq.client.documents import Message
from zoldyq.client.stream import Stream


class Consumer:
    """Iterate over it for messages; use it as a context manager, or close it, to end the stream.

    It is made by :meth:`RemoteQueue.consume`, where the parameters are explained. Iterate with
    one thread; any other, and a signal handler, may call :meth:`close`.

    However the stream ends in good order (its block ends, ``close`` is called, the loop is left and
    the consumer is garbage, the program ends), messages that had been fetched ahead return to the
    head of the queue, in order. The message that was handed out last belongs to the program. What
    was fetched ahead is lost only if the process is killed, or if the connection breaks at the end
    (:attr:`leftover`).

    After a fork the child's consumer makes a connection of its own; what the parent had fetched
    stays with the parent.
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        # Also at the end of the program.
        weakref.finalize(self, stream.finalize)

    @property
    def leftover(self) -> Sequence[Message]:
        """After the end: messages that had been fetched and could not be put back.

        The program may handle them or enqueue them again; they are lost otherwise.
        """
        return self._stream.leftover

    def poll(self, timeout: float, *, keep: int = 0) -> Message | None:
        """Return the next message if it comes within ``timeout`` seconds, else None.

        The last ``keep`` messages that were handed out are not done yet: the server sends others
        in their place only later, and :meth:`close_and_put_back` can return them.
        Unlike iterating, this goes on after a time without messages; :attr:`over` tells the end.
        A connection that broke is made anew first, for as long as ``reconnect_seconds`` say.

        Raises: what iterating raises, but for StopIteration.
        """
        return self._stream.poll(timeout, keep)

    @property
    def over(self) -> bool:
        """Whether no message will come any more: it was closed, or has had its ``limit``."""
        return self._stream.over

    @property
    def fetched(self) -> int:
        """How many messages are here already, and come without waiting."""
        return self._stream.fetched

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        """Return the next message, waiting for it.

        Raises:
            StopIteration: the consumer was closed, has had its ``limit`` of messages, or nothing
                came for ``idle_timeout`` seconds.
            ServerUnreachable, Overloaded: there was no connection for too long.
            ZoldyQError: the server refuses this stream.
        """
        message = self._stream.next()
        if message is None:
            raise StopIteration
        return message

    def stop(self) -> None:
        """Hand out no more messages; :meth:`close` or :meth:`close_and_put_back` has to follow.

        It does no more than leave word, so a signal handler may call it at any moment.
        """
        self._stream.stop()

    def close(self) -> None:
        """End the stream, and put back what was fetched ahead. Iterating is over then.

        While another thread, or the code that a signal handler has interrupted, waits for a
        message, it is woken and does so, and this call returns at once. In a signal handler
        :meth:`stop` is better: this may wait for the server, below whatever was interrupted.
        """
        self._stream.close()

    def close_and_put_back(self, messages: Sequence[Message]) -> None:
        """End the stream, and put back messages as well that were handed out and not used.

        They must be the last ones, in order: those that the last :meth:`poll` was told to ``keep``,
        and the one that it returned. What the server does not take back is in :attr:`leftover`.
        """
        self._stream.end_with(messages)

    def __enter__(self) -> Consumer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
