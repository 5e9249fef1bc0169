"""SIGTERM and SIGHUP end a command as an exception does, so that it leaves nothing behind.

By default they end a process at once: a benchmark leaves its queue, ``top`` leaves the terminal's
other screen. SIGINT is KeyboardInterrupt in Python already.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], None]

_ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Raise SystemExit, with the exit code that shells give, at the first of these signals."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with handled(_ENDING, end):
        yield


@contextmanager
def handled(numbers: tuple[int, ...], handler: Handler) -> Iterator[None]:
    """Call ``handler`` at the first of some signals; the next one does what it did before.

    Signals that the parent process has switched off, as ``nohup`` does, stay so.
    """
    before = {
        number: action
        for number in numbers
        if (action := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }

    def restore() -> None:
        for number, action in before.items():
            signal.signal(number, action)

    def once(number: int, frame: FrameType | None) -> None:
        restore()
        handler(number, frame)

    for number in before:
        signal.signal(number, once)
    try:
        yield
    finally:
        restore()
