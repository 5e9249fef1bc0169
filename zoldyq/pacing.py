"""Long work in slices, so that it does not keep other threads waiting.

While one thread runs Python, an event loop that comes back from the kernel waits up to five
milliseconds for the interpreter, and that for each of its system calls. So who works through
thousands of queues pauses now and then. Without a global lock the pauses cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
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
