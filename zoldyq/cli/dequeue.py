"""``zoldyq dequeue``: take messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoldyq.cli import stdout
from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.exit_codes import NOTHING_CAME
from zoldyq.cli.options import DURATION
from zoldyq.cli.output import message_line, notice
from zoldyq.cli.taking import LAST_LOOK_SECONDS, Tap
from zoldyq.contract.errors import QueueNotFound, TooManyWebSockets, WebSocketUnavailable

if TYPE_CHECKING:
    from zoldyq.client import Client

# A message that a look has found comes within this many seconds, unless another consumer was
# faster.
_FOUND_SECONDS = 1.0


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
    when the message was enqueued (microseconds since 1970). A message that cannot be written goes
    back to the queue.
    """
    from zoldyq.client import UnexpectedReply

    stdout.check()
    try:
        written = _stream(client, queue_name, count, timeout, as_json)
    except (WebSocketUnavailable, TooManyWebSockets, UnexpectedReply):
        # waitress, or a proxy that passes on no WebSocket. Nothing was taken.
        written = _fetch(client, queue_name, count, timeout, as_json)
    if not written:
        click.get_current_context().exit(NOTHING_CAME)


def _stream(client: Client, queue_name: str, count: int, timeout: float, as_json: bool) -> int:
    """Take messages by a stream, which takes back what could not be written."""
    queue = client.queue(queue_name)
    if not timeout:
        # A stream does not say that there is nothing, so look first.
        try:
            if not queue.peek():
                return 0
        except QueueNotFound:
            return 0
    consumer = queue.consume(credit=count, limit=count, reconnect_seconds=0)
    with Tap(consumer, queue_name, lambda each: message_line(queue_name, each, as_json)) as tap:
        if tap.next(timeout or _FOUND_SECONDS):
            tap.write_fetched()
        tap.wait_for_reader(limit=LAST_LOOK_SECONDS)
    return tap.written


def _fetch(client: Client, queue_name: str, count: int, timeout: float, as_json: bool) -> int:
    """Take messages by a plain request. What cannot be written is told on standard error."""
    taken = client.queue(queue_name).dequeue_many(count, timeout)
    for index, message in enumerate(taken):
        try:
            stdout.write(message_line(queue_name, message, as_json))
        except stdout.OutputFailed:
            for lost in taken[index:]:
                notice(f"not written: {message_line(queue_name, lost, True).decode()}")
            raise
    return len(taken)
