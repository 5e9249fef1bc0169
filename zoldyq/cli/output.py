"""How results are printed: lines of JSON for programs, tables and sentences for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
import msgspec

if TYPE_CHECKING:
    from zoldyq.client import Message

# JSON has line breaks only between tokens, where a blank does as well.
_NO_LINE_BREAKS = bytes.maketrans(b"\r\n", b"  ")


def echo_document(document: object) -> None:
    """Print a document as one line of JSON."""
    click.echo(msgspec.json.encode(document))


def echo_message(queue_name: str, message: Message, as_json: bool) -> None:
    """Print a message as one line: its payload, or all that is known of it."""
    line = message.raw.translate(_NO_LINE_BREAKS)
    if as_json:
        line = b'{"payload":%b,"queue_name":%b,"enqueued_at":%d}' % (
            line,
            msgspec.json.encode(queue_name),
            message.enqueued_at,
        )
    click.echo(line)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; the first column is flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return [_row(cells, widths) for cells in (header, *rows)]


def seconds(value: float) -> str:
    """Return a duration in seconds as people write it."""
    if value < 60:
        return f"{value:.1f}s"
    minutes, rest = divmod(int(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def messages(count: int) -> str:
    """Return a number of messages with the word in the right form."""
    return f"{count:,} message" if count == 1 else f"{count:,} messages"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    columns = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
    return "  ".join(columns).rstrip()
