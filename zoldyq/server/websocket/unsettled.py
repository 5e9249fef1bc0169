"""Messages that a consumer with credit was sent and has not settled yet.

The consumer may return the last of them to their queue (``{"put_back": k}``). A grant of credit
settles as many of the oldest: those can be returned no more.
"""

from __future__ import annotations

from collections import deque

from zoldyq.contract.errors import InvalidCount
from zoldyq.queue import Delivery, Message


class Unsettled:
    """Keeps messages in the order in which they were sent. Not safe between threads.

    Their payloads have at most ``max_bytes`` bytes together, except that one message is always
    kept; beyond that the oldest count as settled. So a session has a bound in memory, however
    much credit its consumer grants.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._messages: deque[Message] = deque()
        self._numbers: deque[int] = deque()  # the places of the messages in their queue
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, delivery: Delivery, count: int) -> None:
        """Add the first ``count`` messages of a delivery: those that were sent."""
        messages = delivery.messages[:count]
        self._messages.extend(messages)
        self._numbers.extend(delivery.numbers[:count])
        self._bytes += sum([len(message.payload) for message in messages])
        while self._bytes > self._max_bytes and len(self._messages) > 1:
            self._drop_oldest()

    def settle(self, count: int) -> None:
        """Forget up to ``count`` of the oldest."""
        for _ in range(min(count, len(self._messages))):
            self._drop_oldest()

    def take_last(self, count: int) -> Delivery:
        """Remove and return the last ``count``, oldest first.

        Raises:
            InvalidCount: there are fewer. Nothing is changed.
        """
        if count > len(self._messages):
            raise InvalidCount(
                f"this session has {len(self._messages)} messages that it can put back: "
                "those that were sent, and not settled by a grant of credit",
                outstanding=len(self._messages),
            )
        messages = [self._messages.pop() for _ in range(count)]
        numbers = [self._numbers.pop() for _ in range(count)]
        self._bytes -= sum([len(message.payload) for message in messages])
        return Delivery(messages[::-1], 0, numbers[::-1])

    def _drop_oldest(self) -> None:
        self._numbers.popleft()
        self._bytes -= len(self._messages.popleft().payload)
