"""``zoldyq move``: messages of one queue to the end of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoldyq.cli.connection import complete_queue, json_option, queue_argument, with_client
from zoldyq.cli.output import echo, echo_document, messages

if TYPE_CHECKING:
    from zoldyq.client import Client


@click.command(short_help="Move messages to another queue.")
@queue_argument
@click.argument("to", metavar="TO", shell_complete=complete_queue)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    help="Move at most so many. Without it, as many as there are now.",
)
@json_option
@with_client
def move(client: Client, queue_name: str, to: str, count: int | None, as_json: bool) -> None:
    """Move the oldest messages of QUEUE to the end of queue TO, in order.

    As many are moved as there is room for in TO, and none is lost in between. TO is created if it
    is not there.
    """
    moved = client.queue(queue_name).move(to, count)
    if as_json:
        echo_document({"queue_name": queue_name, "to": to, "moved": moved})
    else:
        echo(f"moved {messages(moved)} from {queue_name} to {to}")
