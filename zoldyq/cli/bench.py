"""``zoldyq bench``: how fast a server is from here."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from zoldyq.cli import terminal
from zoldyq.cli.connection import json_option, with_client
from zoldyq.cli.exit_codes import FAILED, INTERRUPTED
from zoldyq.cli.output import echo_document, echo_lines
from zoldyq.cli.progress import Progress
from zoldyq.cli.table import Column, table

if TYPE_CHECKING:
    from zoldyq.cli.load import Result
    from zoldyq.client import Client

_PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}
_HEADER = tuple(
    Column(title)
    for title in (
        "",
        "REQUESTS/s",
        "MESSAGES/s",
        *(f"{name} ms" for name in _PERCENTILES),
        "REFUSED",
    )
)


@click.command(short_help="Measure a server's throughput and latency.")
@click.option(
    "--requests", type=click.IntRange(min=1), default=20_000, show_default=True,
    help="Requests of each kind.",
)  # fmt: skip
@click.option(
    "--connections", type=click.IntRange(1, 1_000), default=8, show_default=True,
    help="Connections at once.",
)  # fmt: skip
@click.option(
    "--batch", type=click.IntRange(min=1), default=1, show_default=True,
    help="Messages a request.",
)  # fmt: skip
@click.option(
    "--size", type=click.IntRange(min=2), default=57, show_default=True,
    help="Bytes of JSON a message.",
)  # fmt: skip
@json_option
@with_client
def bench(
    client: Client, *, requests: int, connections: int, batch: int, size: int, as_json: bool
) -> None:
    """Enqueue messages and dequeue them again, and tell how fast that was.

    It works in a queue of its own, which it deletes afterwards. Nothing else should run on the
    machines: the load generator itself takes one core.
    """
    runs: dict[str, Result] = {}
    with _own_queue(client, requests * batch) as name:
        for kind, request in _requests(client, name, batch, size).items():
            runs[kind] = _run(client, kind, request, requests, connections)
            if not runs[kind].complete:
                break
    if as_json:
        echo_document({kind: _document(result, batch) for kind, result in runs.items()})
    else:
        rows = [_row(kind, result, batch) for kind, result in runs.items()]
        echo_lines(table(_HEADER, rows, terminal.width()))
    if not all(result.complete for result in runs.values()):
        click.get_current_context().exit(INTERRUPTED)
    if any(result.refused for result in runs.values()):
        click.get_current_context().exit(FAILED)


@contextmanager
def _own_queue(client: Client, capacity: int) -> Iterator[str]:
    name = f"bench-{secrets.token_hex(4)}"
    client.queue(name).create(capacity)
    try:
        yield name
    finally:
        client.queue(name).delete()


def _run(client: Client, kind: str, request: bytes, requests: int, connections: int) -> Result:
    from zoldyq.cli import load
    from zoldyq.client import ConnectionLost

    address = client.address
    target = load.Target(address.host, address.port, address.secure)
    try:
        with Progress(kind, requests) as progress:
            return load.run(target, request, requests, connections, progress.show)
    except OSError as error:
        raise ConnectionLost(f"{client.url} went away in the middle ({error})") from error


def _requests(client: Client, name: str, batch: int, size: int) -> dict[str, bytes]:
    """Return the bytes of the requests, by what they do."""
    payload = b'"%b"' % (b"x" * (size - 2))
    body = b'{"payload":%b}' % payload
    if batch > 1:
        body = b'{"payloads":[%b]}' % b",".join([payload] * batch)
    count = f"?count={batch}" if batch > 1 else ""
    return {
        "enqueue": _request(client, "POST", f"/queues/{name}/enqueue", body),
        "dequeue": _request(client, "GET", f"/queues/{name}/dequeue{count}"),
    }


def _request(client: Client, method: str, path: str, body: bytes = b"") -> bytes:
    headers = {"Host": client.address.authority, **client.headers}
    if body:
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{method} {client.address.target(path)} HTTP/1.1"]
    lines += [f"{header}: {value}" for header, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _document(result: Result, batch: int) -> dict[str, object]:
    return {
        "requests": len(result.latencies),
        "seconds": round(result.elapsed, 6),
        "requests_per_second": round(result.rate, 1),
        "messages_per_second": round(result.rate * batch, 1),
        "refused": result.refused,
        "latency_ms": {
            name: round(result.percentile(percent) * 1e3, 4)
            for name, percent in _PERCENTILES.items()
        },
    }


def _row(kind: str, result: Result, batch: int) -> tuple[str, ...]:
    latencies = [f"{result.percentile(percent) * 1e3:.2f}" for percent in _PERCENTILES.values()]
    rates = (f"{result.rate:,.0f}", f"{result.rate * batch:,.0f}")
    return (kind, *rates, *latencies, f"{result.refused:,}")
