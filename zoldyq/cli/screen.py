"""The whole terminal for a while: its other screen, and single keys.

The terminal comes back as it was, whatever ends the program: the end of the block, an error, a
signal, or Ctrl-Z until the program goes on.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any

from zoldyq.cli import stdout, terminal

try:
    import termios
    import tty
except ImportError:  # not on every platform, and there neither is a live table
    termios = tty = None  # type: ignore[assignment]

# The alternate screen without a cursor and back, and from the top to the end of it.
_ENTER = "\033[?1049h\033[?25l"
_LEAVE = "\033[?25h\033[?1049l"
_HOME = "\033[H"
_ERASE_LINE = "\033[K"
_ERASE_BELOW = "\033[J"


class Screen:
    """Use it as a context manager, in the main thread."""

    def __init__(self) -> None:
        self._modes: list[Any] | None = None  # of the terminal as it was
        self._stop_before: Any = None  # what SIGTSTP did

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return shutil.get_terminal_size()

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines and nothing else. They must fit."""
        text = f"{_ERASE_LINE}\n".join(lines)
        stdout.write_text(f"{_HOME}{text}{_ERASE_LINE}{_ERASE_BELOW}")

    def key(self, seconds: float) -> str | None:
        """Wait for a key for so long, and return it; None if none was pressed."""
        if self._modes is None:
            select.select((), (), (), seconds)
            return None
        ready, _, _ = select.select((sys.stdin,), (), (), seconds)
        if not ready:
            return None
        pressed = os.read(sys.stdin.fileno(), 64)
        # The end of the input is the end of the terminal. Arrows come as several bytes.
        return pressed.decode(errors="replace") if pressed else "q"

    def __enter__(self) -> Screen:
        self._enter()
        if hasattr(signal, "SIGTSTP"):
            self._stop_before = signal.signal(signal.SIGTSTP, self._stop)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._stop_before is not None:
            signal.signal(signal.SIGTSTP, self._stop_before)
        self._leave()

    def _enter(self) -> None:
        if terminal.is_terminal(sys.stdin):
            self._modes = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        stdout.write_text(_ENTER)

    def _leave(self) -> None:
        try:
            stdout.write_text(_LEAVE)
        finally:
            if self._modes is not None:
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._modes)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        """Give the terminal back while the program is stopped."""
        self._leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._enter()
