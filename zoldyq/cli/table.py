"""Tables that fit into the terminal.

The first column is flush left, the others flush right. Where the terminal is too narrow, a long
name in the first column is shortened in its middle, so that all figures stay; where that is not
enough, the least important columns are left out. Where there is no terminal nothing is shortened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from zoldyq.cli import terminal

_GAP = "  "
_SHORTEST_NAME = 12


class Cell(NamedTuple):
    """A text with the colour that tells how bad it is: ``red``, ``yellow`` or none."""

    text: str
    colour: str | None = None


class Column(NamedTuple):
    """The head of a column. Columns of the highest ``rank`` are left out first."""

    title: str
    rank: int = 0


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell | str]], width: int | None = None
) -> list[str]:
    """Return the lines of a table that is at most ``width`` columns wide, None for any width."""
    cells = [[_cell(each) for each in row] for row in rows]
    widths = [
        max([len(column.title), *(len(row[index].text) for row in cells)])
        for index, column in enumerate(columns)
    ]
    kept = list(range(len(columns)))
    if width is not None:
        kept = _fitting(columns, widths, width)
        widths[0] = max(min(widths[0], width - _others(widths, kept)), 1)
    header = [terminal.styled(each, bold=True) for each in _padded(columns, kept, widths)]
    return [_line(header), *(_line(_row(row, kept, widths)) for row in cells)]


def shortened(text: str, width: int) -> str:
    """Return a text with its middle left out if it is longer than ``width``."""
    if len(text) <= width:
        return text
    sign = terminal.ellipsis_sign()
    rest = width - len(sign)
    if rest < 2:
        return text[:width]
    return f"{text[: (rest + 1) // 2]}{sign}{text[len(text) - rest // 2 :]}"


def _fitting(columns: Sequence[Column], widths: Sequence[int], width: int) -> list[int]:
    """Return the columns that stay, by their indexes."""
    kept = list(range(len(columns)))
    while len(kept) > 2 and min(widths[0], _SHORTEST_NAME) + _others(widths, kept) > width:
        kept.remove(max(kept[1:], key=lambda index: (columns[index].rank, index)))
    return kept


def _others(widths: Sequence[int], kept: Sequence[int]) -> int:
    """Return the width of all but the first column, with the gaps."""
    return sum(len(_GAP) + widths[index] for index in kept[1:])


def _padded(columns: Sequence[Column], kept: Sequence[int], widths: Sequence[int]) -> list[str]:
    return [_pad(columns[index].title, index, widths[index]) for index in kept]


def _row(row: Sequence[Cell], kept: Sequence[int], widths: Sequence[int]) -> list[str]:
    return [
        terminal.styled(_pad(row[index].text, index, widths[index]), fg=colour)
        if (colour := row[index].colour)
        else _pad(row[index].text, index, widths[index])
        for index in kept
    ]


def _pad(text: str, index: int, width: int) -> str:
    return shortened(text, width).ljust(width) if index == 0 else text.rjust(width)


def _line(cells: Sequence[str]) -> str:
    return _GAP.join(cells).rstrip()


def _cell(value: Cell | str) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)
