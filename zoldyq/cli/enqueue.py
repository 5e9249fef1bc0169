"""``zoldyq enqueue``: one message, many from standard input, or many from a template."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING

import click
import msgspec

from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.options import DURATION, LIFETIME, SIZE
from zoldyq.cli.output import echo, echo_document, messages
from zoldyq.cli.sending import send_all
from zoldyq.cli.template import FIELDS, filled
from zoldyq.cli.terminal import is_terminal
from zoldyq.contract.errors import InvalidJson

if TYPE_CHECKING:
    from zoldyq.client import Client, RemoteQueue

# How long many messages wait for room: a person who pipes a file in wants all of it there.
_STREAM_SECONDS = 30.0
_STANDARD_INPUT = "-"


@click.command(short_help="Append messages to a queue.")
@queue_argument
@click.argument("payload", metavar="[JSON|-]", required=False)
@click.option("--text", is_flag=True, help="The argument, or each line, is text and not JSON.")
@click.option(
    "--count", type=click.IntRange(min=1), metavar="N",
    help=f"Send the argument N times. It may hold {FIELDS}.",
)  # fmt: skip
@click.option("--size", type=SIZE, help="Send a text of this size, in bytes of JSON.")
@click.option("--ttl", type=LIFETIME, help="Lifetime of the messages.")
@click.option(
    "--timeout", type=DURATION,
    help="How long to wait for room or for a server that is overloaded.  [default: 0 for one "
    "message, 30 for many]",
)  # fmt: skip
@json_option
@with_client
def enqueue(
    client: Client,
    *,
    queue_name: str,
    payload: str | None,
    text: bool,
    count: int | None,
    size: int | None,
    ttl: float | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Append a message to QUEUE: the JSON given, or each line of standard input.

    \b
    zoldyq enqueue emails '{"to": "a@example.com"}'
    zoldyq enqueue emails - < lines.ndjson
    zoldyq enqueue logs --text - < messages.log
    zoldyq enqueue load '{"n": {{n}}}' --count 1000
    zoldyq enqueue load --count 1000 --size 1KiB
    """
    queue = client.queue(queue_name)
    to_json = _quoted if text else _as_it_is
    if size is not None:
        payload, to_json = _of_size(size, payload, text), _as_it_is
    if payload in (None, _STANDARD_INPUT):
        if count is not None:
            raise click.UsageError("--count repeats an argument: give one, or --size")
        payloads = _lines(_standard_input(), text)
    elif count is not None:
        payloads = _repeated(str(payload), count, to_json)
    else:
        _enqueue_one(queue, to_json(str(payload).encode()), timeout or 0.0, ttl, as_json)
        return
    sent = send_all(queue, payloads, _STREAM_SECONDS if timeout is None else timeout, ttl)
    if as_json:
        echo_document(sent.document(queue.name))
    else:
        echo(sent.text(queue.name))


def _quoted(text: bytes) -> bytes:
    return msgspec.json.encode(text.decode())


def _as_it_is(text: bytes) -> bytes:
    return text


def _of_size(size: int, payload: str | None, text: bool) -> str:
    if payload is not None or text:
        raise click.UsageError("--size makes up the message: give it without JSON and --text")
    return f'"{"x" * (size - 2)}"'


def _enqueue_one(
    queue: RemoteQueue, payload: bytes, timeout: float, ttl: float | None, as_json: bool
) -> None:
    try:
        receipt = queue.enqueue_raw(payload, timeout, ttl=ttl)
    except InvalidJson as error:
        raise click.UsageError(
            f"{error.message}. Texts need quotation marks in JSON; --text adds them."
        ) from error
    if as_json:
        echo_document(receipt)
    else:
        dropped = f"; {messages(receipt.dropped)} dropped for it" if receipt.dropped else ""
        echo(f"queued; {messages(receipt.queue_size)} in {queue.name}{dropped}")


def _repeated(
    template: str, count: int, to_json: Callable[[bytes], bytes]
) -> Iterator[tuple[str, bytes]]:
    for number, text in enumerate(filled(template, count), start=1):
        yield f"message {number}", to_json(text.encode())


def _standard_input() -> IO[bytes]:
    if sys.stdin is None:
        raise click.UsageError("standard input is closed: give the message as an argument")
    if is_terminal(sys.stdin):
        click.echo("Type one JSON text a line; Ctrl-D ends.", err=True)
    return sys.stdin.buffer


def _lines(lines: Iterable[bytes], text: bool) -> Iterator[tuple[str, bytes]]:
    """Yield the lines as JSON and with their names.

    Lines of text stay as they are, but for the line break; blank lines of JSON hold nothing.
    """
    for number, line in enumerate(lines, start=1):
        name = f"line {number}"
        if text:
            yield name, _line_of_text(name, line)
        elif stripped := line.strip():
            yield name, stripped


def _line_of_text(name: str, line: bytes) -> bytes:
    try:
        return _quoted(line.removesuffix(b"\n").removesuffix(b"\r"))
    except UnicodeDecodeError as error:
        raise InvalidJson(
            f"{name}: byte {error.start} is not UTF-8 text; convert it, for instance with iconv"
        ) from error
