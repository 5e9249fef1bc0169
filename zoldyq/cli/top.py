"""``zoldyq top``: a live table of all queues."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping, Sequence
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

import click
import msgspec

from zoldyq.cli import terminal
from zoldyq.cli.columns import NO_RATES, QueueColumn, Rates, shown_columns, watched
from zoldyq.cli.connection import json_option, with_client
from zoldyq.cli.health import summary
from zoldyq.cli.options import KindType
from zoldyq.cli.output import echo_document, echo_lines
from zoldyq.cli.screen import Screen
from zoldyq.cli.table import Cell, Column, shortened, table
from zoldyq.config.units import Seconds
from zoldyq.contract.errors import ZoldyQError

if TYPE_CHECKING:
    from zoldyq.client import Client, Health, QueueStats

_KEYS = {
    "s": "SIZE",
    "f": "FILLED",
    "i": "IN/s",
    "o": "OUT/s",
    "w": "WAITING",
    "a": "OLDEST",
    "n": "QUEUE",
}
_HELP = "q quit; sort: s size  f filled  i in  o out  w waiting  a age  n name"
_SORTS = ("size", "filled", "in", "out", "waiting", "age", "name")


class Sample(msgspec.Struct, frozen=True):
    """What the server said, at a monotonic time in seconds."""

    at: float
    health: Health

    @property
    def queues(self) -> Mapping[str, QueueStats]:
        """The statistics of the queues, by name."""
        return self.health.queues

    def rates_since(self, earlier: Sample | None) -> dict[str, Rates]:
        """Return the rates of all queues that were there before as well."""
        if earlier is None or self.at <= earlier.at:
            return {}
        before = earlier.queues
        return {
            name: _rates(before[name], stats, self.at - earlier.at)
            for name, stats in self.queues.items()
            if name in before
        }


class Look(NamedTuple):
    """What one look at the server brought: a sample with rates, or what went wrong."""

    now: Sample | ZoldyQError
    rates: Mapping[str, Rates] = {}


def _observed(client: Client) -> Health:
    """Return how the server is, queues included.

    A server that asks for a token tells strangers of no queue, and not that it does so. The list
    of queues says what is missing: it raises Unauthorized or Forbidden.
    """
    health = client.health()
    if health.queues:
        return health
    queues = client.queues()
    return msgspec.structs.replace(health, total_queues=len(queues), queues=queues)


class Watch:
    """Looks at a server again and again. The first look must succeed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._last: Sample | None = None

    def look(self) -> Look:
        """Ask the server. Raises what it answers if it never answered anything else."""
        try:
            now = Sample(monotonic(), _observed(self._client))
        except ZoldyQError as error:
            if self._last is None:
                raise
            return Look(error)
        rates = now.rates_since(self._last)
        self._last = now
        return Look(now, rates)


@click.command(short_help="Watch all queues.")
@click.option(
    "--interval", type=KindType(Seconds(0.1)), default=1.0, show_default=True,
    metavar="SECONDS", help="Time between two looks.",
)  # fmt: skip
@click.option("--count", type=click.IntRange(min=1), help="End after this number of looks.")
@click.option(
    "--sort", type=click.Choice(_SORTS), default="size", show_default=True,
    help="What comes first.",
)  # fmt: skip
@json_option
@with_client
def top(client: Client, interval: float, count: int | None, sort: str, as_json: bool) -> None:
    """Watch all queues: size, rates in and out, waiting consumers, full events, oldest message.

    On a terminal, q or Ctrl-C ends it, and other keys sort. Elsewhere one table follows the other.
    With --json, each look is one line.
    """
    watch = Watch(client)
    title = _KEYS[sort[0]]
    try:
        if terminal.is_terminal(sys.stdout) and not as_json:
            _watch_live(watch, interval, count, title)
        else:
            _watch_plainly(watch, interval, count, title, as_json)
    except KeyboardInterrupt:
        return  # the usual end


def _watch_plainly(
    watch: Watch, interval: float, count: int | None, title: str, as_json: bool
) -> None:
    looks = 0
    while True:
        look = watch.look()
        if as_json:
            echo_document(_document(look))
        else:
            echo_lines(_lines(look, title, None))
        looks += 1
        if looks == count:
            return
        sleep(interval)


def _watch_live(watch: Watch, interval: float, count: int | None, title: str) -> None:
    look = watch.look()  # before the screen is taken: the first look may fail
    looks = 1
    with Screen() as screen:
        while True:
            due = monotonic() + interval
            while (left := due - monotonic()) > 0:
                columns, rows = screen.size
                screen.draw(_page(look, title, columns, rows))
                key = screen.key(left)
                if key in ("q", "Q"):
                    return
                title = _KEYS.get(key or "", title)
            if looks == count:
                return
            look = watch.look()
            looks += 1


def _rates(before: QueueStats, now: QueueStats, elapsed: float) -> Rates:
    # A queue that was deleted and created again counts from 0.
    return Rates(
        max(now.enqueued_total - before.enqueued_total, 0) / elapsed,
        max(now.dequeued_total - before.dequeued_total, 0) / elapsed,
    )


def _document(look: Look) -> dict[str, object]:
    if isinstance(look.now, ZoldyQError):
        return {"error": look.now.code, "message": look.now.message}
    queues = {
        name: {
            **msgspec.to_builtins(stats),
            "enqueued_per_second": round(look.rates.get(name, NO_RATES).incoming, 3),
            "dequeued_per_second": round(look.rates.get(name, NO_RATES).outgoing, 3),
        }
        for name, stats in look.now.queues.items()
    }
    return {"status": look.now.health.status, "queues": queues}


def _page(look: Look, title: str, columns: int, rows: int) -> list[str]:
    """Return the lines that fill a terminal of this size."""
    lines = _lines(look, title, columns)
    room = max(rows - 1, 1)  # the last row is for the help
    if len(lines) > room:
        hidden = len(lines) - (room - 1)
        lines = [*lines[: room - 1], f"{hidden:,} more"]
    keys = terminal.styled(shortened(_HELP, columns), dim=True)
    return [*lines, *[""] * (room - len(lines)), keys][:rows]


def _lines(look: Look, title: str, width: int | None) -> list[str]:
    if isinstance(look.now, ZoldyQError):
        return [*_wrapped(look.now.message, width), "looking again ..."]
    health = look.now.health
    columns = shown_columns(watched(width), list(look.now.queues.values()))
    rows = [
        (Cell(name), *(each.cell(stats, look.rates.get(name, NO_RATES)) for each in columns))
        for name, stats in _sorted(look, columns, title)
    ]
    header = (Column("QUEUE"), *(each.column for each in columns))
    return [*_wrapped(summary(health), width), "", *table(header, rows, width)]


def _sorted(look: Look, columns: Sequence[QueueColumn], title: str) -> list[tuple[str, QueueStats]]:
    """Return the queues, largest first by the column with this title, else by their names."""
    assert isinstance(look.now, Sample)
    queues = sorted(look.now.queues.items())
    by_title = {each.column.title: each.figure for each in columns}
    if (figure := by_title.get(title)) is not None:
        queues.sort(key=lambda item: -figure(item[1], look.rates.get(item[0], NO_RATES)))
    return queues


def _wrapped(text: str, width: int | None) -> list[str]:
    """Break a text into lines that fit."""

    return [text] if width is None else textwrap.wrap(text, width) or [""]
