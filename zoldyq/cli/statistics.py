"""``zoldyq queues`` and ``zoldyq stats``: how the queues are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from zoldyq.cli import terminal
from zoldyq.cli.columns import LISTED, shown_columns
from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.output import echo, echo_document, echo_lines
from zoldyq.cli.table import Cell, Column, table

if TYPE_CHECKING:
    from zoldyq.client import Client


@click.command(short_help="List all queues.")
@json_option
@with_client
def queues(client: Client, as_json: bool) -> None:
    """List all queues with what is in them. FULL counts enqueues that found no room."""
    found = client.queues()
    if as_json:
        echo_document(found)
        return
    if not found:
        echo("no queues")
        return
    columns = shown_columns(LISTED, list(found.values()))
    rows = [
        (Cell(name), *(each.cell(stats) for each in columns))
        for name, stats in sorted(found.items())
    ]
    header = (Column("QUEUE"), *(each.column for each in columns))
    echo_lines(table(header, rows, terminal.width()))


@click.command(short_help="Show the statistics of a queue.")
@queue_argument
@json_option
@with_client
def stats(client: Client, queue_name: str, as_json: bool) -> None:
    """Show the statistics of QUEUE, a line each."""
    found = msgspec.to_builtins(client.queue(queue_name).stats())
    if as_json:
        echo_document({"queue_name": queue_name, **found})
        return
    width = max(map(len, found))
    echo_lines(f"{name:{width}}  {_figure(name, value)}" for name, value in found.items())


def _figure(name: str, value: object) -> str:
    if name.endswith("_at"):
        return str(value)  # a time, and no number of anything
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,}"
    return "none" if value is None else str(value)
