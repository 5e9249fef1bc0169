"""``zoldyq tail``: a stream of messages as lines."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING

import click

from zoldyq.cli import stdout
from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.output import message_line

if TYPE_CHECKING:
    from zoldyq.client import Client, Consumer

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@click.command(short_help="Take messages as they come, for ever.")
@queue_argument
@click.option("--count", type=click.IntRange(min=1), help="End after so many messages.")
@click.option(
    "--credit", type=click.IntRange(min=1), default=1, show_default=True,
    help="How many messages may be on their way. More are faster, and more are lost if what "
    "reads the output goes away.",
)  # fmt: skip
@json_option
@with_client
def tail(client: Client, queue_name: str, count: int | None, credit: int, as_json: bool) -> None:
    """Take messages from QUEUE as they come and print their payloads, a line each.

    Unlike tail on a file this consumes: what is printed is gone from the queue. Ctrl-C ends it
    after the messages that are on their way. When the server goes away, it waits for its return.

    \b
    zoldyq tail emails | jq .to
    """
    stream = client.queue(queue_name).consume(credit=credit, limit=count)
    with stream, _closed_by_signals(stream):
        for message in stream:
            stdout.write(message_line(queue_name, message, as_json))


@contextmanager
def _closed_by_signals(stream: Consumer) -> Iterator[None]:
    """End the stream at the first signal; a second one ends the program as usual."""
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def close(_number: int, _frame: FrameType | None) -> None:
        restore()
        # On another thread: the one that the signal came to may hold the stream's locks.
        Thread(target=stream.close, daemon=True).start()

    for number in _SIGNALS:
        signal.signal(number, close)
    try:
        yield
    finally:
        restore()
