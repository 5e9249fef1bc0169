"""WebSocket sessions that enqueue: one answer for each frame, in order."""

from __future__ import annotations

from zoldyq import wire
from zoldyq.contract.errors import InvalidJson, ZoldyQError
from zoldyq.queue import Bell, now_us
from zoldyq.server.api.operations import Operations
from zoldyq.server.api.waits import Wait
from zoldyq.server.websocket.channel import Channel
from zoldyq.server.websocket.frames import text_frame


class EnqueueSession:
    """A producer's session, on the thread of its connection."""

    def __init__(self, operations: Operations, name: str, query: str, channel: Channel) -> None:
        """Raises InvalidQueueName, InvalidTtl."""
        self._operations = operations
        self._call = operations.enqueue_call(name, query, None)
        self._channel = channel
        self._bell = Bell()

    def on_texts(self, texts: list[bytes]) -> None:
        """Enqueue each text as the body of an enqueue, all with one time stamp.

        A message that is bad or refused gets its answer and ends nothing.
        """
        at = now_us()
        begun = [self._begin(text, at) for text in texts]
        self._channel.write(b"".join([text_frame(self._answer(each)) for each in begun]))

    def on_binary(self, data: bytes) -> None:
        """Refuse the message: JSON comes in text frames."""
        error = InvalidJson("send JSON in text frames, not in binary ones", offset=0)
        self._channel.write(text_frame(self._refuse(error)))

    def work(self) -> bool:
        """Do nothing: a producer's session only answers."""
        return False

    def on_closing(self) -> None:
        """Do nothing: all that was enqueued was answered."""

    def close(self) -> None:
        """Do nothing: the session holds no messages."""

    def _begin(self, text: bytes, at: int) -> wire.Reply | Wait[wire.Reply] | ZoldyQError:
        try:
            return self._operations.enqueue(self._call, text, self._bell.ring, at)
        except ZoldyQError as error:
            return error

    def _answer(self, begun: wire.Reply | Wait[wire.Reply] | ZoldyQError) -> bytes:
        if isinstance(begun, wire.Reply):
            return begun.body
        if isinstance(begun, ZoldyQError):
            return self._refuse(begun)
        try:
            # Only where the queues live elsewhere: the answer is on its way.
            while (reply := begun.finish()) is None:
                self._bell.sleep(None)
        except ZoldyQError as error:
            return self._refuse(error)
        return reply.body

    def _refuse(self, error: ZoldyQError) -> bytes:
        self._operations.refusals.count(error.code)
        return wire.not_enqueued(error)
