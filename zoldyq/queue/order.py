"""The order of a queue's messages, and the places of those that come back.

Messages are numbered as they arrive, and the numbers need no memory: messages leave at the head
alone, so those in the queue are the last ones that arrived. Only messages that came back have
their numbers written down, in front of the others. So two threads that put messages back leave
them in the right order, whichever is first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from itertools import repeat
from typing import TypeVar

from zoldyq.queue.message import Delivery, Message

_T = TypeVar("_T")


class Order:
    """Messages in the order in which they arrived, without any accounting.

    ``first`` is the number of the first message to come. Every method expects that the caller
    holds the lock of the queue.
    """

    # With more fields than CPython shares the keys of, access by slots is quicker by a tenth.
    __slots__ = (
        "_first",
        "_messages",
        "_next",
        "_numbers",
    )

    def __init__(self, first: int) -> None:
        self._messages: deque[Message] = deque()
        # Ascending numbers of the first messages in the deque, those that came back. All others
        # follow on one another up to `_next`.
        self._numbers: deque[int] = deque()
        self._first = first
        self._next = first  # the number of the next message to arrive

    def _with_numbers(self, messages: Sequence[Message]) -> Delivery:
        """Return messages of unknown origin with the numbers in front of the head."""
        head = self._numbers[0] if self._numbers else self._next - len(self._messages)
        return Delivery(list(messages), 0, range(head - len(messages), head))

    def _insert(self, back: Delivery) -> None:
        """Insert messages that came back, each where its number says."""
        messages, numbers = back.messages, back.numbers
        place = bisect_left(self._numbers, numbers[0])
        if place == bisect_left(self._numbers, numbers[-1]):
            _insert_at(place, self._messages, messages)
            _insert_at(place, self._numbers, numbers)
            return
        # Some that are back already belong between them.
        for message, number in zip(messages, numbers, strict=True):
            place = bisect_left(self._numbers, number)
            self._messages.insert(place, message)
            self._numbers.insert(place, number)

    def _pop(self, count: int) -> list[Message]:
        """Take ``count`` messages off the head, where their numbers do not matter any more."""
        if count >= len(self._messages):
            popped = list(self._messages)
            self._messages.clear()
            self._numbers.clear()
            return popped
        for _ in repeat(None, min(count, len(self._numbers))):
            self._numbers.popleft()
        popleft = self._messages.popleft
        return [popleft() for _ in repeat(None, count)]

    def _take_all(self) -> deque[Message]:
        """Take all messages for good, however many, in the time of one."""
        taken, self._messages = self._messages, deque()
        self._numbers.clear()
        return taken

    def _take_numbers(self, count: int, first: int) -> Sequence[int]:
        """Return the numbers of ``count`` messages that were taken off the head just now.

        ``first`` would be the number of the first of them, if no message had come back.
        """
        if not self._numbers:
            return range(first, first + count)
        written_down = min(count, len(self._numbers))
        numbers = [self._numbers.popleft() for _ in repeat(None, written_down)]
        numbers.extend(range(first + written_down, first + count))
        return numbers


def _insert_at(place: int, line: deque[_T], new: Sequence[_T]) -> None:
    """Insert several items so that ``new[0]`` is at ``place``."""
    line.rotate(-place)
    line.extendleft(reversed(new))
    line.rotate(place)
