"""``zoldyq peek``: look at messages and take none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoldyq.cli import stdout
from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.exit_codes import NOTHING_CAME
from zoldyq.cli.output import message_line

if TYPE_CHECKING:
    from zoldyq.client import Client


@click.command(short_help="Look at the oldest messages and take none.")
@queue_argument
@click.option(
    "--count", type=click.IntRange(min=1), default=1, show_default=True,
    help="Show up to this number of messages.",
)  # fmt: skip
@json_option
@with_client
def peek(client: Client, queue_name: str, count: int, as_json: bool) -> None:
    """Print the oldest messages of QUEUE, a line each. They stay where they are.

    Exits with 3 if there is none.
    """
    found = client.queue(queue_name).peek(count)
    for message in found:
        stdout.write(message_line(queue_name, message, as_json))
    if not found:
        click.get_current_context().exit(NOTHING_CAME)
