"""``zoldyq dump``: take all messages of a queue, with their time stamps."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from zoldyq.cli import stdout
from zoldyq.cli.connection import queue_argument, with_client
from zoldyq.cli.output import message_line, messages, notice
from zoldyq.cli.progress import Progress
from zoldyq.cli.taking import LAST_LOOK_SECONDS, Tap
from zoldyq.contract.errors import InvalidCount

if TYPE_CHECKING:
    from zoldyq.client import Client, Message, RemoteQueue

# Messages on their way at once.
_CREDIT = 256
# When nothing comes for so long, other consumers have taken the rest.
_IDLE_SECONDS = 1.0


@click.command(short_help="Take all messages of a queue, to restore them later.")
@queue_argument
@click.option("--keep", is_flag=True, help="Leave the messages in the queue.")
@with_client
def dump(client: Client, queue_name: str, keep: bool) -> None:
    """Take the messages that QUEUE has now, and write each as a line of JSON with its time stamp.

    What cannot be written goes back to the queue. restore enqueues the lines again.

    \b
    zoldyq dump emails > emails.ndjson
    zoldyq restore emails emails.ndjson
    """
    stdout.check()
    written = _copy(client, queue_name) if keep else _take(client, queue_name)
    _sync()
    notice(f"{messages(written)} of {queue_name} written")


def _take(client: Client, queue_name: str) -> int:
    queue = client.queue(queue_name)
    size = queue.stats().size
    if not size:
        return 0
    consumer = queue.consume(credit=min(size, _CREDIT), limit=size)
    with (
        Tap(consumer, queue_name, lambda each: message_line(queue_name, each, True)) as tap,
        Progress("written", size) as progress,
    ):
        while tap.next(_IDLE_SECONDS):
            progress.show(tap.written)
            tap.wait_for_reader(unread=_CREDIT - 1)
        tap.wait_for_reader(limit=LAST_LOOK_SECONDS)
    return tap.written


def _copy(client: Client, queue_name: str) -> int:
    queue = client.queue(queue_name)
    size = queue.stats().size
    found = _peek(queue, size) if size else ()
    for message in found:
        stdout.write(message_line(queue_name, message, True))
    if len(found) < size:
        notice(f"the server shows no more than {messages(len(found))} of {size:,}")
    return len(found)


def _peek(queue: RemoteQueue, count: int) -> Sequence[Message]:
    try:
        return queue.peek(count)
    except InvalidCount as error:
        return queue.peek(int(str(error.details["maximum"])))


def _sync() -> None:
    """Have a file on the disk before this says that it is written."""
    with suppress(OSError, ValueError):  # no file
        os.fsync(sys.stdout.fileno())
