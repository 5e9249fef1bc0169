"""Responses that the kernel has not taken whole yet, and the messages that are at stake."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from zoldyq.wire import Reply

#: Responses to be sent together, each with the reply that it was made of.
Burst = list[tuple[bytes, Reply]]


def join_burst(burst: Burst) -> bytes:
    """Return the bytes of all responses, in order."""
    return burst[0][0] if len(burst) == 1 else b"".join([response for response, _ in burst])


class Outbox:
    """The unsent bytes of one connection.

    A reply counts as delivered once the last byte of its response was taken.
    """

    __slots__ = ("_taken", "_undelivered", "unsent")

    def __init__(self) -> None:
        self.unsent = memoryview(b"")
        self._taken = 0  # bytes taken by the kernel since this outbox began
        # At how many taken bytes each reply with messages is out.
        self._undelivered: deque[tuple[int, Reply]] = deque()

    def add(self, burst: Burst, data: bytes, sent: int = 0) -> None:
        """Keep the responses of a burst, of whose ``data`` so many bytes are sent already."""
        end = self._taken + len(self.unsent)
        self._taken += sent
        self.unsent = (
            memoryview(bytes(self.unsent) + data[sent:]) if end else memoryview(data)[sent:]
        )
        for response, reply in burst:
            end += len(response)
            if end > self._taken and reply.delivered:
                self._undelivered.append((end, reply))

    def took(self, count: int) -> None:
        """Take note that the kernel took so many more bytes."""
        self.unsent = self.unsent[count:]
        self._taken += count
        while self._undelivered and self._undelivered[0][0] <= self._taken:
            self._undelivered.popleft()

    def undelivered(self) -> Iterable[Reply]:
        """Return the replies that are not out whole, last one first: the order to put back."""
        return [reply for _, reply in reversed(self._undelivered)]
