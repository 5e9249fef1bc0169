"""The columns of ``queues`` and ``top``: which figures they show, and what is alarming in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from zoldyq.cli.output import seconds
from zoldyq.cli.progress import bar
from zoldyq.cli.table import Cell, Column

if TYPE_CHECKING:
    from zoldyq.client import QueueStats

_BAR_CELLS = 10
_NEARLY_FULL = 0.8


class Rates(NamedTuple):
    """Messages a second, into a queue and out of it."""

    incoming: float = 0.0
    outgoing: float = 0.0


NO_RATES = Rates()

Show = Callable[["QueueStats", Rates], Cell]


class QueueColumn(NamedTuple):
    """A column of a table of queues. ``figure`` is what a table is sorted by, largest first."""

    column: Column
    figure: Callable[[QueueStats, Rates], float]
    show: Show

    def cell(self, stats: QueueStats, rates: Rates = NO_RATES) -> Cell:
        """Return what the column shows of a queue."""
        return self.show(stats, rates)


def _count(title: str, field: str, rank: int, colour: str | None = None) -> QueueColumn:
    """Return a column of a whole number; one with a colour is alarming unless it is 0."""

    def figure(stats: QueueStats, _rates: Rates) -> float:
        # A server of an earlier version does not send every figure.
        return float(getattr(stats, field, 0))

    def show(stats: QueueStats, rates: Rates) -> Cell:
        count = figure(stats, rates)
        return Cell(f"{count:,.0f}", colour if count else None)

    return QueueColumn(Column(title, rank), figure, show)


def _rate(title: str, which: int) -> QueueColumn:
    return QueueColumn(
        Column(title),
        lambda _stats, rates: rates[which],
        lambda _stats, rates: Cell(f"{rates[which]:,.0f}"),
    )


def _filled(with_bar: bool, rank: int) -> QueueColumn:
    def show(stats: QueueStats, _rates: Rates) -> Cell:
        part = f"{stats.utilization:.0%}"
        if stats.utilization < 1 and part == "100%":
            part = "99%"  # only a full queue is shown as full
        text = f"{bar(stats.utilization, _BAR_CELLS)} {part:>4}" if with_bar else part
        return Cell(text, _fill_colour(stats.utilization))

    return QueueColumn(Column("FILLED", rank), lambda stats, _rates: stats.utilization, show)


def _fill_colour(utilization: float) -> str | None:
    if utilization >= 1:
        return "red"
    return "yellow" if utilization >= _NEARLY_FULL else None


_OLDEST = QueueColumn(
    Column("OLDEST", 3),
    lambda stats, _rates: stats.oldest_age_seconds,
    lambda stats, _rates: Cell(seconds(stats.oldest_age_seconds)),
)
_SIZE = _count("SIZE", "size", 0)
_CAPACITY = _count("CAPACITY", "capacity", 6)
_WAITING = _count("WAITING", "waiting_consumers", 4)
_FULL = _count("FULL", "queue_full_total", 5, "yellow")
_EXPIRED = _count("EXPIRED", "expired_total", 8, "yellow")
_DROPPED = _count("DROPPED", "overflow_dropped_total", 7, "yellow")

#: The columns of ``zoldyq queues`` behind the queue's name.
LISTED: Sequence[QueueColumn] = (
    _SIZE,
    _CAPACITY,
    _filled(with_bar=False, rank=2),
    _WAITING,
    _OLDEST,
    _count("IN", "enqueued_total", 1),
    _count("OUT", "dequeued_total", 1),
    _FULL,
    _EXPIRED,
    _DROPPED,
)

# A bar takes the room of other columns; a terminal of 80 columns shows the part alone.
_WIDE = 100


def watched(width: int | None) -> Sequence[QueueColumn]:
    """Return the columns of ``zoldyq top`` behind the queue's name."""
    return (
        _SIZE,
        _CAPACITY,
        _filled(with_bar=width is None or width >= _WIDE, rank=2),
        _rate("IN/s", 0),
        _rate("OUT/s", 1),
        _WAITING,
        _FULL,
        _OLDEST,
        _EXPIRED,
        _DROPPED,
    )


_IF_ANY = {"EXPIRED", "DROPPED"}


def shown_columns(columns: Sequence[QueueColumn], stats: Sequence[QueueStats]) -> list[QueueColumn]:
    """Leave out the columns that are for policies which none of the queues has used."""
    return [
        each
        for each in columns
        if each.column.title not in _IF_ANY or any(each.figure(one, NO_RATES) for one in stats)
    ]
