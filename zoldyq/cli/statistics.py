"""``zoldyq queues`` and ``zoldyq stats``: how the queues are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.output import echo_document, seconds, table

if TYPE_CHECKING:
    from zoldyq.client import Client

_HEADER = ("QUEUE", "SIZE", "CAPACITY", "FILLED", "WAITING", "OLDEST", "IN", "OUT", "FULL")


@click.command(short_help="List all queues.")
@json_option
@with_client
def queues(client: Client, as_json: bool) -> None:
    """List all queues with what is in them. FULL counts enqueues that found no room."""
    found = client.queues()
    if as_json:
        echo_document(found)
        return
    rows = [
        (
            name,
            f"{stats.size:,}",
            f"{stats.capacity:,}",
            f"{stats.utilization:.0%}",
            f"{stats.waiting_consumers:,}",
            seconds(stats.oldest_age_seconds),
            f"{stats.enqueued_total:,}",
            f"{stats.dequeued_total:,}",
            f"{stats.queue_full_total:,}",
        )
        for name, stats in sorted(found.items())
    ]
    click.echo("\n".join(table(_HEADER, rows)) if rows else "no queues")


@click.command(short_help="Show the statistics of a queue.")
@queue_argument
@json_option
@with_client
def stats(client: Client, queue_name: str, as_json: bool) -> None:
    """Show the statistics of QUEUE, a line each."""
    found = client.queue(queue_name).stats()
    if as_json:
        echo_document({"queue_name": queue_name, **msgspec.structs.asdict(found)})
        return
    for name, value in msgspec.structs.asdict(found).items():
        click.echo(f"{name:22} {value:,}")
