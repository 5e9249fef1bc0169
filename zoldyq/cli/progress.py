"""A line on the terminal that tells how far a long command is, and how fast."""

from __future__ import annotations

import sys
from time import monotonic
from types import TracebackType

import click

from zoldyq.cli.terminal import is_terminal

_BETWEEN_SECONDS = 0.1
_BAR_CELLS = 30
_ERASE = "\r\033[K"


class Progress:
    """Shown on standard error, and only if that is a terminal: logs and pipes stay clean.

    With a ``total`` there is a bar. Use it as a context manager; at its end the line disappears.
    """

    def __init__(self, label: str, total: int | None = None) -> None:
        self._label = label
        self._total = total
        self._began = self._shown = monotonic()
        self._visible = is_terminal(sys.stderr)

    def show(self, done: int) -> None:
        """Show how many are done by now. Cheap enough to be called for each one."""
        now = monotonic()
        if self._visible and now - self._shown >= _BETWEEN_SECONDS:
            self._shown = now
            click.echo(_ERASE + self.line(done, now - self._began), err=True, nl=False)

    def line(self, done: int, seconds: float) -> str:
        """Return what is shown after so many seconds."""
        rate = f"{done:,} ({done / seconds:,.0f}/s)"
        return (
            f"{self._label} {bar(done / self._total)} {rate}"
            if self._total
            else (f"{self._label} {rate}")
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._visible:
            click.echo(_ERASE, err=True, nl=False)


def bar(part: float, cells: int = _BAR_CELLS) -> str:
    """Return a bar that is filled to this part, from 0 to 1."""
    filled = round(min(max(part, 0.0), 1.0) * cells)
    return f"[{'#' * filled}{'.' * (cells - filled)}]"
