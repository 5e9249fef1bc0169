"""Signals that come while a command starts: they end the process without a word.

Loading the modules takes some tenths of a second, in which there is nothing to put in order. By
default Ctrl-C is an exception in the midst of it, with a traceback, and a process that is the first
one of a container does not hear SIGTERM at all.

This module imports next to nothing, for it comes before everything else. All of it is the main
thread's alone.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

_before: dict[int, Any] = {}


def begin() -> None:
    """Have SIGINT and SIGTERM end the process at once, with the exit codes 130 and 143.

    One that the parent process has switched off, as a shell does for background jobs, stays so.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        action = signal.getsignal(number)
        if action not in (signal.SIG_IGN, None, _leave):
            _before[number] = action
            signal.signal(number, _leave)


def end() -> None:
    """Have both do again what they did, unless others have set a handler since."""
    while _before:
        number, action = _before.popitem()
        if signal.getsignal(number) is _leave:
            signal.signal(number, action)


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)
