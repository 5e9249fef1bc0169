"""``zoldyq top``: a live table of all queues."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import monotonic, sleep
from typing import TYPE_CHECKING

import click
import msgspec

from zoldyq.cli.connection import json_option, with_client
from zoldyq.cli.output import echo_document, messages, seconds, table
from zoldyq.cli.progress import bar
from zoldyq.contract.errors import ZoldyQError

if TYPE_CHECKING:
    from zoldyq.client import Client, Health, QueueStats

_HEADER = ("QUEUE", "SIZE", "CAPACITY", "FILLED", "IN/s", "OUT/s", "WAITING", "FULL", "OLDEST")

# Terminal: the alternate screen without a cursor and back, and from the top to the end of it.
_ENTER = "\033[?1049h\033[?25l"
_LEAVE = "\033[?25h\033[?1049l"
_HOME = "\033[H"
_ERASE_LINE = "\033[K"
_ERASE_BELOW = "\033[J"
_BAR_CELLS = 10


class Rates(msgspec.Struct, frozen=True):
    """Messages a second, into a queue and out of it."""

    incoming: float = 0.0
    outgoing: float = 0.0


_NO_RATES = Rates()


class Sample(msgspec.Struct, frozen=True):
    """What the server said, at a monotonic time in seconds."""

    at: float
    health: Health

    def rates_since(self, earlier: Sample | None) -> dict[str, Rates]:
        """Return the rates of all queues that were there before as well."""
        if earlier is None or self.at <= earlier.at:
            return {}
        before = earlier.health.queues
        return {
            name: _rates(before[name], stats, self.at - earlier.at)
            for name, stats in self.health.queues.items()
            if name in before
        }


@click.command(short_help="Watch all queues.")
@click.option(
    "--interval", type=click.FloatRange(min=0.1), default=1.0, show_default=True,
    metavar="SECONDS", help="Time between two looks.",
)  # fmt: skip
@click.option("--count", type=click.IntRange(min=1), help="End after so many looks.")
@json_option
@with_client
def top(client: Client, interval: float, count: int | None, as_json: bool) -> None:
    """Watch all queues: size, rates in and out, waiting consumers, full events, oldest message.

    Ctrl-C ends it. Where the output is no terminal, one table follows the other. With --json, each
    look is one line.
    """
    live = sys.stdout.isatty() and not as_json
    try:
        with _screen(live):
            for now, rates in _samples(client, interval, count):
                _show(now, rates, live, as_json)
    except KeyboardInterrupt:
        return  # the usual end


def _samples(
    client: Client, interval: float, count: int | None
) -> Iterator[tuple[Sample | ZoldyQError, dict[str, Rates]]]:
    """Yield what each look brought: a sample and the rates since the last, or what went wrong."""
    last: Sample | None = None
    looks = 0
    while True:
        now = _look(client, must=last is None)
        rates = {} if isinstance(now, ZoldyQError) else now.rates_since(last)
        yield now, rates
        last = last if isinstance(now, ZoldyQError) else now
        looks += 1
        if looks == count:
            return
        sleep(interval)


def _look(client: Client, must: bool) -> Sample | ZoldyQError:
    """Ask the server. What fails is returned, unless it ``must`` not."""
    try:
        return Sample(monotonic(), client.health())
    except ZoldyQError as error:
        if must:
            raise
        return error


def _rates(before: QueueStats, now: QueueStats, elapsed: float) -> Rates:
    # A queue that was deleted and came back counts from 0.
    return Rates(
        max(now.enqueued_total - before.enqueued_total, 0) / elapsed,
        max(now.dequeued_total - before.dequeued_total, 0) / elapsed,
    )


def _show(now: Sample | ZoldyQError, rates: Mapping[str, Rates], live: bool, as_json: bool) -> None:
    if as_json:
        echo_document(_document(now, rates))
        return
    lines = _lines(now, rates)
    if not live:
        click.echo("\n".join(lines))
        return
    columns, rows = shutil.get_terminal_size()
    text = "".join(f"{line[:columns]}{_ERASE_LINE}\n" for line in lines[: rows - 1])
    click.echo(_HOME + text + _ERASE_BELOW, nl=False)


def _document(now: Sample | ZoldyQError, rates: Mapping[str, Rates]) -> dict[str, object]:
    if isinstance(now, ZoldyQError):
        return {"error": now.code, "message": now.message}
    queues = {
        name: {
            **msgspec.structs.asdict(stats),
            "enqueued_per_second": round(rates.get(name, _NO_RATES).incoming, 3),
            "dequeued_per_second": round(rates.get(name, _NO_RATES).outgoing, 3),
        }
        for name, stats in now.health.queues.items()
    }
    return {"status": now.health.status, "queues": queues}


def _lines(now: Sample | ZoldyQError, rates: Mapping[str, Rates]) -> list[str]:
    if isinstance(now, ZoldyQError):
        return [now.message, "looking again ..."]
    health = now.health
    total = sum(stats.size for stats in health.queues.values())
    plural = "queue" if health.total_queues == 1 else "queues"
    first = (
        f"ZoldyQ {health.version} {health.status}, up {seconds(health.uptime_seconds)}, "
        f"{messages(total)} in {health.total_queues} {plural}"
    )
    by_size = sorted(health.queues.items(), key=lambda item: (-item[1].size, item[0]))
    rows = [_row(name, stats, rates.get(name, _NO_RATES)) for name, stats in by_size]
    return [first, "", *table(_HEADER, rows)]


def _row(name: str, stats: QueueStats, rates: Rates) -> tuple[str, ...]:
    return (
        name,
        f"{stats.size:,}",
        f"{stats.capacity:,}",
        f"{bar(stats.utilization, _BAR_CELLS)} {stats.utilization:4.0%}",
        f"{rates.incoming:,.0f}",
        f"{rates.outgoing:,.0f}",
        f"{stats.waiting_consumers:,}",
        f"{stats.queue_full_total:,}",
        seconds(stats.oldest_age_seconds),
    )


@contextmanager
def _screen(live: bool) -> Iterator[None]:
    """Take the terminal's other screen for a while, so that this one comes back as it was."""
    if not live:
        yield
        return
    click.echo(_ENTER, nl=False)
    try:
        yield
    finally:
        click.echo(_LEAVE, nl=False)
