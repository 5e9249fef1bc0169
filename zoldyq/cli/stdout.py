"""Standard output, written so that a failure is noticed and told.

Nothing stays in a buffer: a line that :func:`write` has returned from is with the system, and
one that it raised for is not. So a command that consumes messages knows which ones to give back.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys

from zoldyq.contract.errors import ZoldyQError

try:
    import fcntl
    import termios
except ImportError:  # not on every platform
    fcntl = termios = None  # type: ignore[assignment]

_written = 0  # bytes, by this process's one thread that writes


class OutputFailed(ZoldyQError):
    """Standard output takes nothing; ``reader_gone`` tells whether it is a pipe without reader."""

    code = "output_failed"

    def __init__(self, reason: str, *, reader_gone: bool = False) -> None:
        super().__init__(f"cannot write to standard output: {reason}")
        self.reader_gone = reader_gone


def check() -> None:
    """Look whether there is a standard output and whether its reader is still there.

    Raises:
        OutputFailed: it is closed, or it is a pipe that has no reader any more.
    """
    descriptor = _descriptor()
    if descriptor is None or not hasattr(select, "poll"):  # not on every platform
        return
    poll = select.poll()
    poll.register(descriptor, 0)  # errors are reported without being asked for
    if poll.poll(0):
        raise _reader_gone()


def write(line: bytes) -> None:
    """Write a line and its line break.

    Raises:
        OutputFailed: not all of it could be written.
    """
    write_text(line + b"\n")


def write_text(text: bytes | str) -> None:
    """Write a text as it is. Raises OutputFailed if not all of it could be written."""
    data = memoryview(text.encode(errors="replace") if isinstance(text, str) else text)
    descriptor = _descriptor()
    try:
        if descriptor is None:
            sys.stdout.write(bytes(data).decode())
            _count(len(data))
            return
        while data:
            count = _write_some(descriptor, data)
            _count(count)
            data = data[count:]
    except BrokenPipeError as error:
        raise _reader_gone() from error
    except OSError as error:
        raise OutputFailed(error.strerror or str(error)) from error


def written_bytes() -> int:
    """Return how many bytes this process has written."""
    return _written


def unread_bytes() -> int:
    """Return how many bytes a pipe at standard output holds that its reader has not read yet.

    0 if it is no pipe, or if the system does not tell.
    """
    descriptor = _descriptor()
    if descriptor is None or fcntl is None:
        return 0
    try:
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return 0
        held = fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4)
    except OSError:
        return 0
    return int.from_bytes(held, sys.byteorder)


def _descriptor() -> int | None:
    """Return the descriptor of standard output; None if it is an object of Python alone."""
    if sys.stdout is None or sys.stdout.closed:
        raise OutputFailed("it is closed")
    try:
        sys.stdout.flush()
        return sys.stdout.fileno()
    except BrokenPipeError as error:
        raise _reader_gone() from error
    except (OSError, ValueError):  # io.UnsupportedOperation is both
        return None


def _write_some(descriptor: int, data: memoryview) -> int:
    while True:
        try:
            return os.write(descriptor, data)
        except BlockingIOError:
            # Another process that has the terminal or the pipe may have made it non-blocking.
            select.select((), (descriptor,), ())


def _count(count: int) -> None:
    global _written  # noqa: PLW0603 - as there is one standard output
    _written += count


def _reader_gone() -> OutputFailed:
    return OutputFailed(os.strerror(errno.EPIPE), reader_gone=True)
