"""How results are printed: lines of JSON for programs, tables and sentences for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
import msgspec

from zoldyq.cli import stdout

if TYPE_CHECKING:
    from zoldyq.client import Message

# JSON has line breaks only between tokens, where a blank does as well.
_NO_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")


def echo(text: str) -> None:
    """Print a line for people. Raises OutputFailed."""
    stdout.write(text.encode(errors="replace"))


def echo_lines(lines: Iterable[str]) -> None:
    """Print several lines for people at once. Raises OutputFailed."""
    echo("\n".join(lines))


def echo_document(document: object) -> None:
    """Print a document as one line of JSON. Raises OutputFailed."""
    stdout.write(msgspec.json.encode(document))


def notice(text: str) -> None:
    """Tell a person something beside the result, on standard error."""
    click.echo(f"zoldyq: {text}", err=True)


def message_line(queue_name: str, message: Message, as_json: bool) -> bytes:
    """Return a message as one line: its payload, or all that is known of it."""
    line = message.raw.translate(_NO_LINE_BREAKS)
    if as_json:
        line = b'{"payload":%b,"queue_name":%b,"enqueued_at":%d}' % (
            line,
            msgspec.json.encode(queue_name),
            message.enqueued_at,
        )
    return line


def seconds(value: float) -> str:
    """Return a duration in seconds as people write it."""
    if value < 60:
        return f"{value:.1f}s"
    minutes, rest = divmod(int(value), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h{minutes:02}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02}h"


def size(count: int) -> str:
    """Return a number of bytes with the unit that people would choose."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def messages(count: int) -> str:
    """Return a number of messages with the word in the right form."""
    return f"{count:,} message" if count == 1 else f"{count:,} messages"
