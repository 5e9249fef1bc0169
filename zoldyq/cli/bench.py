"""``zoldyq bench``: how fast a server is from here."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from zoldyq.cli import terminal
from zoldyq.cli.connection import complete_queue, json_option, with_client
from zoldyq.cli.exit_codes import FAILED, INTERRUPTED
from zoldyq.cli.options import DURATION, SIZE
from zoldyq.cli.output import echo_document, echo_lines, messages
from zoldyq.cli.table import Column, table
from zoldyq.contract.errors import ZoldyQError

if TYPE_CHECKING:
    from zoldyq.cli.load import Result
    from zoldyq.cli.runs import Load, Runner
    from zoldyq.client import Client

_PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
_COLUMNS = (
    Column(""),
    Column("REQUESTS/s", 3),
    Column("MESSAGES/s"),
    *(Column(f"{name} ms", rank) for name, rank in zip(_PERCENTILES, (0, 2, 0, 1, 0), strict=True)),
    Column("REFUSED"),
)
_REQUESTS = 20_000
# A run by duration does not know how many messages it sends: this is more than any memory holds.
_ENDLESS = 1_000_000_000


@click.command(short_help="Measure a server's throughput and latency.")
@click.argument("queue_name", metavar="[QUEUE]", required=False, shell_complete=complete_queue)
@click.option(
    "--requests", type=click.IntRange(min=1), metavar="N",
    help=f"Requests of each kind.  [default: {_REQUESTS}]",
)  # fmt: skip
@click.option("--duration", type=DURATION, help="Enqueue for so long, in the place of --requests.")
@click.option(
    "--connections", type=click.IntRange(1, 1_000), default=8, show_default=True,
    help="Connections at once.",
)  # fmt: skip
@click.option(
    "--batch", type=click.IntRange(min=1), default=1, show_default=True,
    help="Messages a request.",
)  # fmt: skip
@click.option("--size", type=SIZE, default=57, show_default=True, help="Bytes of JSON a message.")
@click.option(
    "--end-to-end", is_flag=True,
    help="Enqueue and dequeue at the same time, and measure from the one to the other.",
)  # fmt: skip
@json_option
@with_client
def bench(
    client: Client,
    *,
    queue_name: str | None,
    requests: int | None,
    duration: float | None,
    connections: int,
    batch: int,
    size: int,
    end_to_end: bool,
    as_json: bool,
) -> None:
    """Enqueue messages and dequeue them again, and tell how fast that was.

    Without QUEUE it works in a queue of its own, which it deletes afterwards. A QUEUE must exist
    and be empty, and nothing else may use it: its messages would be taken. Nothing else should run
    on the machines: the load generator itself takes one core.
    """
    from zoldyq.cli.runs import Load, Runner

    if requests is not None and duration is not None:
        raise click.UsageError("give --requests or --duration, not both")
    if duration is None:
        requests = requests or _REQUESTS
    load = Load(connections, batch, size, requests, duration)
    with _queue(client, queue_name, _ENDLESS if requests is None else requests * batch) as name:
        runs = _runs(Runner(client, name, load), load, end_to_end)
    if as_json:
        echo_document({kind: _document(kind, result, batch) for kind, result in runs.items()})
    else:
        rows = [_row(kind, result, batch) for kind, result in runs.items()]
        echo_lines(table(_COLUMNS, rows, terminal.width()))
    if not all(result.complete for result in runs.values()):
        click.get_current_context().exit(INTERRUPTED)
    if any(result.refused for result in runs.values()):
        click.get_current_context().exit(FAILED)


@contextmanager
def _queue(client: Client, given: str | None, capacity: int) -> Iterator[str]:
    """Yield the name of the queue to work in, and leave nothing behind in it.

    One of the benchmark's own is deleted; a given one is empty again.
    """
    if given is not None:
        size = client.queue(given).stats().size
        if size:
            raise click.UsageError(
                f"{given} has {messages(size)}, which the benchmark would take: give an empty queue"
            )
        try:
            yield given
        finally:
            client.queue(given).purge()
        return
    name = f"bench-{secrets.token_hex(4)}"
    client.queue(name).create(capacity)
    try:
        yield name
    finally:
        client.queue(name).delete()


def _runs(runner: Runner, load: Load, end_to_end: bool) -> dict[str, Result]:
    from zoldyq.cli.runs import SMALLEST_STAMPED
    from zoldyq.client import ConnectionLost

    if end_to_end and load.size < SMALLEST_STAMPED:
        raise click.UsageError(f"--end-to-end needs a --size of {SMALLEST_STAMPED} or more")
    try:
        if end_to_end:
            return {"end to end": runner.end_to_end()}
        runs = {"enqueue": runner.enqueue()}
        if runs["enqueue"].complete:
            runs["dequeue"] = runner.dequeue(len(runs["enqueue"].latencies))
        return runs
    except ZoldyQError:
        raise
    except OSError as error:
        raise ConnectionLost(f"the server went away in the middle ({error})") from error


def _document(kind: str, result: Result, batch: int) -> dict[str, object]:
    requests, rate = _requests(kind, result, batch)
    return {
        "requests": requests,
        "seconds": round(result.elapsed, 6),
        "requests_per_second": round(rate, 1),
        "messages_per_second": round(rate * batch, 1),
        "refused": result.refused,
        "latency_ms": {
            name: round(result.percentile(percent) * 1e3, 4)
            for name, percent in _PERCENTILES.items()
        },
    }


def _row(kind: str, result: Result, batch: int) -> tuple[str, ...]:
    _, rate = _requests(kind, result, batch)
    latencies = [f"{result.percentile(percent) * 1e3:.2f}" for percent in _PERCENTILES.values()]
    return (kind, f"{rate:,.0f}", f"{rate * batch:,.0f}", *latencies, f"{result.refused:,}")


def _requests(kind: str, result: Result, batch: int) -> tuple[int, float]:
    """Return the number and the rate of requests; from end to end each message is timed."""
    each = batch if kind == "end to end" else 1
    return len(result.latencies) // each, result.rate / each
