"""``zoldyq enqueue``: one message from the command line, or many from standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import click
import msgspec

from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.output import echo_document, messages
from zoldyq.cli.progress import Progress
from zoldyq.contract.errors import InvalidJson

if TYPE_CHECKING:
    from zoldyq.client import Client, Producer, RemoteQueue

# How long a batch from standard input waits for room: who pipes a file in wants all of it there.
_STREAM_SECONDS = 30.0

# The oldest line waits no longer for others to go with it, in seconds.
_STREAM_DELAY = 0.02


@click.command(short_help="Append messages to a queue.")
@queue_argument
@click.argument("payload", metavar="[JSON|-]", default="-")
@click.option("--text", is_flag=True, help="The argument, or each line, is text and no JSON.")
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS",
    help="How long to wait for room or for a server that is overloaded.  [default: 0 for an "
    "argument, 30 for lines]",
)  # fmt: skip
@json_option
@with_client
def enqueue(
    client: Client,
    *,
    queue_name: str,
    payload: str,
    text: bool,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Append a message to QUEUE: the JSON given, or each line of standard input.

    \b
    zoldyq enqueue emails '{"to": "a@example.com"}'
    zoldyq enqueue emails - < lines.ndjson
    zoldyq enqueue logs --text - < messages.log
    """
    queue = client.queue(queue_name)
    to_json = _quoted if text else _as_it_is
    if payload == "-":
        _enqueue_lines(queue, to_json, _STREAM_SECONDS if timeout is None else timeout, as_json)
    else:
        _enqueue_one(queue, to_json(payload.encode()), timeout or 0.0, as_json)


def _quoted(text: bytes) -> bytes:
    return msgspec.json.encode(text.decode(errors="replace"))


def _as_it_is(text: bytes) -> bytes:
    return text


def _enqueue_one(queue: RemoteQueue, payload: bytes, timeout: float, as_json: bool) -> None:
    try:
        receipt = queue.enqueue_raw(payload, timeout)
    except InvalidJson as error:
        raise click.UsageError(
            f"{error.message}. Texts need quotation marks in JSON; --text adds them."
        ) from error
    if as_json:
        echo_document(receipt)
    else:
        click.echo(f"queued; {messages(receipt.queue_size)} in {queue.name}")


def _enqueue_lines(
    queue: RemoteQueue, to_json: Callable[[bytes], bytes], timeout: float, as_json: bool
) -> None:
    if sys.stdin.isatty():
        click.echo("Type one JSON text a line; Ctrl-D ends.", err=True)
    with Progress("queued") as progress:
        count = _send(queue, _payloads(sys.stdin.buffer, to_json), timeout, progress)
    if as_json:
        echo_document({"queue_name": queue.name, "count": count})
    else:
        click.echo(f"queued {messages(count)} in {queue.name}")


def _payloads(
    lines: Iterable[bytes], to_json: Callable[[bytes], bytes]
) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, as JSON and with their numbers."""
    for number, line in enumerate(lines, start=1):
        stripped = line.strip()
        if stripped:
            yield number, to_json(stripped)


def _send(
    queue: RemoteQueue,
    payloads: Iterable[tuple[int, bytes]],
    timeout: float,
    progress: Progress,
) -> int:
    """Send all, in order, and return how many."""
    from zoldyq.client import MessagesUnsent

    count = 0
    try:
        with queue.producer(max_delay=_STREAM_DELAY, timeout=timeout) as producer:
            for number, payload in payloads:
                _append(producer, number, payload)
                count += 1
                progress.show(count)
    except MessagesUnsent as error:
        _tell_queued(count - len(error.payloads))
        raise (error.__cause__ or error) from None
    except InvalidJson:
        _tell_queued(count)
        raise
    return count


def _append(producer: Producer, number: int, payload: bytes) -> None:
    try:
        producer.send_raw(payload)
    except InvalidJson as error:
        raise InvalidJson(f"line {number}: {error.message}") from error


def _tell_queued(count: int) -> None:
    click.echo(f"zoldyq: {messages(count)} queued before this:", err=True)
