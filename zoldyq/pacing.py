"""Long work in slices, and the work of many threads one after another, so that others get a turn.

While one thread runs Python, an event loop that comes back from the kernel waits up to five
milliseconds for the interpreter, and that for each of its system calls. So who works through
thousands of queues pauses now and then. Without a global lock the pauses cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from threading import Lock
from time import perf_counter, sleep
from typing import TypeVar

_T = TypeVar("_T")

#: How long to work between two pauses, and how long to pause, in seconds.
WORK_SECONDS = 0.0005
PAUSE_SECONDS = 0.0001

#: Items in a slice: few enough to take well below :data:`WORK_SECONDS`.
_SLICE = 32


def slices(items: Iterable[_T]) -> Iterator[Sequence[_T]]:
    """Yield the items in slices, pausing in between whenever it is time."""
    remaining = iter(items)
    pause_at = perf_counter() + WORK_SECONDS
    while part := tuple(islice(remaining, _SLICE)):
        yield part
        if perf_counter() >= pause_at:
            sleep(PAUSE_SECONDS)
            pause_at = perf_counter() + WORK_SECONDS


class Turnstile:
    """Lets through one thread at a time, for short work that thousands want to do at once.

    Those who wait sleep without the interpreter. If they competed for it, each of them would wake
    200 times a second to ask again, and nothing else would run. A thread that comes alone does not
    wait. If nobody comes out for ``patience`` seconds, the thread inside counts as lost, and
    another takes its place.
    """

    def __init__(self, patience: float = 5.0) -> None:
        self._patience = patience
        self._inside = Lock()  # held by the thread that is inside, across its work
        self.passages = 0
        """How often a thread has left; written by the thread inside."""

    def acquire(self) -> None:
        """Wait for the turn. The thread owes one :meth:`release`."""
        if self._inside.acquire(blocking=False):
            return
        passages = self.passages
        while not self._inside.acquire(timeout=self._patience) and passages != self.passages:
            passages = self.passages

    def release(self) -> None:
        """Let the next one in. Never fails."""
        self.passages += 1
        try:
            self._inside.release()
        except RuntimeError:
            return  # this thread counted as lost, and the one that took its place has left
