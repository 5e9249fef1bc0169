"""Exceptions at each call between a queue and the last byte of an answer.

Nothing here lists the calls. An attempt is made again and again, and each time an exception is
raised at the next call (of Python or of C), until an attempt comes through without one. The calls
inside the queues are left out: what they do under their locks has tests of its own.
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Callable, Collection, Iterator
from inspect import CO_GENERATOR
from pathlib import Path
from types import FrameType
from typing import Any

import zoldyq
import zoldyq.queue

ZOLDYQ = str(Path(zoldyq.__file__).parent)
QUEUES = str(Path(zoldyq.queue.__file__).parent)
LOGGING = str(Path(logging.__file__).parent)
FAULTS = [MemoryError, OSError]
#: To let go of a lock never fails, and a lock that is never let go of is another fault.
LETTING_GO = {"release", "__exit__"}


class FaultAt:
    """Raises ``fault`` at one call that the application makes on this thread.

    ``number`` counts the calls from 1; with ``after``, from the first return of a function of such
    a name. What comes after the fault works. In the end ``where`` names the call, if there was one.
    """

    def __init__(
        self, number: int, fault: type[Exception], after: Collection[str] | None = None
    ) -> None:
        self._left = number
        self._fault = fault
        self._after = after
        self.where = ""

    def __enter__(self) -> None:
        gc.disable()  # what a collection calls is not what the application calls
        sys.setprofile(self._on_event)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        gc.enable()

    def _on_event(self, frame: FrameType, event: str, argument: Any) -> None:
        if self._after is not None:
            if event == "return" and frame.f_code.co_name in self._after:
                self._after = None
            return
        if frame.f_code.co_flags & CO_GENERATOR and event == "call":
            return  # what a generator raises while it is thrown away is heard by none
        if event == "call":
            caller, name, called = frame.f_back, frame.f_code.co_name, frame.f_code.co_qualname
        elif event == "c_call":
            caller, name, called = frame, argument.__name__, repr(argument)
        else:
            return
        if name in LETTING_GO or not is_made_by_the_application(frame, caller):
            return
        self._left -= 1
        if self._left == 0:
            self.where = called
            raise self._fault("injected")


def is_made_by_the_application(frame: FrameType, caller: FrameType | None) -> bool:
    """Whether ZoldyQ makes a call, itself or through a library, and not inside its queues."""
    if frame.f_code.co_filename.startswith((QUEUES, LOGGING)):
        return False
    found = False
    while caller is not None:
        file = caller.f_code.co_filename
        if file.startswith((QUEUES, LOGGING)):
            return False
        found = found or file.startswith(ZOLDYQ)
        caller = caller.f_back
    return found


def each_fault(
    fault: type[Exception],
    attempt: Callable[[FaultAt], None],
    after: Collection[str] | None = None,
) -> Iterator[str]:
    """Call ``attempt`` with a fault at each call in turn; yield what was called."""
    number = 0
    while True:
        number += 1
        injected = FaultAt(number, fault, after)
        attempt(injected)
        if not injected.where:
            return
        yield injected.where
