"""The terminal: whether there is one, how wide it is, and whether it may be coloured."""

from __future__ import annotations

import os
import shutil
import sys
from typing import IO

import click


def is_terminal(stream: IO[str] | None) -> bool:
    """Tell whether a standard stream is a terminal. One that was closed at the start is None."""
    return stream is not None and not stream.closed and stream.isatty()


def width() -> int | None:
    """Return the columns of the terminal at standard output, None if it is none."""
    return shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None


def styled(text: str, **style: bool | str) -> str:
    """Return a text with colours or weights if standard output shows them.

    https://no-color.org: NO_COLOR, set to anything but an empty text, switches them off.
    """
    if not is_terminal(sys.stdout) or os.environ.get("NO_COLOR"):
        return text
    if os.environ.get("TERM") == "dumb":
        return text
    return click.style(text, **style)  # type: ignore[arg-type]


def ellipsis_sign() -> str:
    """Return what stands for the part of a text that is left out."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return "…" if encoding.lower().startswith("utf") else ".."
