"""Places in a queue's lines: a slot that is filled by hand-over, and a way to wake the owner.

A waiter that is woken has either been given what it waits for or learns from its queue's
``leave`` that there is nothing (the queue was closed, or somebody woke it to make it give up).
Waking is only a hint: the truth is in the slot, which the queue's lock guards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from zoldyq.contract.errors import ZoldyQError
from zoldyq.queue.message import Message, Receipt

if TYPE_CHECKING:
    from zoldyq.queue.message_queue import MessageQueue


class Waiter:
    """A consumer's place in line, for ``count`` messages at the most. Join it to one queue, once.

    Where more than one is there already when it joins, ``max_bytes`` bounds their payloads.

    ``wake()`` tells the owner to look. It is called from any thread, never under a queue's lock,
    and must neither block nor raise.
    """

    __slots__ = ("count", "max_bytes", "messages", "queue", "wake")

    def __init__(
        self, wake: Callable[[], None], count: int = 1, max_bytes: int | None = None
    ) -> None:
        self.wake = wake
        self.count = count
        self.max_bytes = max_bytes
        self.queue: MessageQueue | None = None  # set once, by the queue that it joins
        # Guarded by the lock of the queue that the waiter has joined.
        self.messages: list[Message] | None = None


class RoomWaiter:
    """A producer's place in the line for room, with the payloads it wants to enqueue.

    ``wake()`` as in :class:`Waiter`.
    """

    __slots__ = ("error", "payloads", "queue", "receipt", "wake")

    def __init__(self, wake: Callable[[], None], payloads: Sequence[bytes]) -> None:
        self.wake = wake
        self.payloads = payloads
        self.queue: MessageQueue | None = None  # set once, by the queue that it joins
        # Guarded by the lock of the queue that the waiter has joined.
        self.receipt: Receipt | None = None
        self.error: ZoldyQError | None = None


class Bell:
    """Lets one thread sleep until another rings; a ring that comes before the sleep is kept.

    ``lock`` may be shared with what the sleeper waits for, so that one lock serves both.
    """

    __slots__ = ("_condition", "_rung")

    def __init__(self, lock: threading.Lock | None = None) -> None:
        self._condition = threading.Condition(lock or threading.Lock())
        self._rung = False  # guarded by the condition

    def ring(self) -> None:
        """Wake the thread in :meth:`sleep`, or the next one to enter it."""
        with self._condition:
            self._rung = True
            self._condition.notify()

    def sleep(self, deadline: float | None) -> bool:
        """Sleep until rung or until ``deadline``; tell whether the bell rang.

        ``deadline`` is in seconds of :func:`time.monotonic`, None for no limit.
        """
        with self._condition:
            while not self._rung:
                remaining = None if deadline is None else deadline - time.monotonic()
                if remaining is not None and remaining <= 0:
                    return False
                # A condition takes no longer wait than TIMEOUT_MAX, and so no infinite one.
                self._condition.wait(
                    None if remaining is None else min(remaining, threading.TIMEOUT_MAX)
                )
            self._rung = False
            return True


def deadline_after(timeout: float | None) -> float | None:
    """Turn a timeout in seconds into a deadline of :func:`time.monotonic`; None means no limit."""
    return None if timeout is None else time.monotonic() + timeout
