"""``zoldyq dequeue``: take messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoldyq.cli import stdout
from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.exit_codes import NOTHING_CAME
from zoldyq.cli.options import DURATION
from zoldyq.cli.output import message_line

if TYPE_CHECKING:
    from zoldyq.client import Client


@click.command(short_help="Take messages from a queue.")
@queue_argument
@click.option(
    "--count", type=click.IntRange(min=1), default=1, show_default=True,
    help="Take up to this number of messages, as soon as there is one.",
)  # fmt: skip
@click.option(
    "--timeout", type=DURATION, default=0.0,
    help="How long to wait for the first message.  [default: 0]",
)  # fmt: skip
@json_option
@with_client
def dequeue(client: Client, queue_name: str, count: int, timeout: float, as_json: bool) -> None:
    """Take messages from QUEUE and print their payloads, a line each.

    Exits with 3 if nothing came in time. With --json, each line also has the queue's name and
    when the message was enqueued (microseconds since 1970).
    """
    stdout.check()
    taken = client.queue(queue_name).dequeue_many(count, timeout)
    for message in taken:
        stdout.write(message_line(queue_name, message, as_json))
    if not taken:
        click.get_current_context().exit(NOTHING_CAME)
