"""``zoldyq tail``: a stream of messages as lines."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import click

from zoldyq.cli import stdout
from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.output import message_line
from zoldyq.cli.signals import handled
from zoldyq.cli.taking import Tap

if TYPE_CHECKING:
    from zoldyq.client import Client

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command(short_help="Take messages as they come, for ever.")
@queue_argument
@click.option("--count", type=click.IntRange(min=1), help="End after this number of messages.")
@click.option(
    "--credit", type=click.IntRange(min=1), default=1, show_default=True,
    help="How many messages may be on their way, with those that the reader of the output has not "
    "read. More are faster.",
)  # fmt: skip
@json_option
@with_client
def tail(client: Client, queue_name: str, count: int | None, credit: int, as_json: bool) -> None:
    """Take messages from QUEUE as they come and print their payloads, a line each.

    Unlike tail on a file this consumes: what is printed is gone from the queue. Ctrl-C ends it, and
    so does the end of what reads the output; what was not printed goes back. When the server goes
    away, it waits for its return.

    \b
    zoldyq tail emails | jq .to
    """
    stdout.check()
    consumer = client.queue(queue_name).consume(credit=credit, limit=count)
    with (
        Tap(consumer, queue_name, lambda each: message_line(queue_name, each, as_json)) as tap,
        handled(_SIGNALS, lambda _number, _frame: tap.stop()),
    ):
        while tap.next(None):
            tap.wait_for_reader(unread=credit - 1)
