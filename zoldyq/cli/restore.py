"""``zoldyq restore``: enqueue what ``zoldyq dump`` has written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING

import click
import msgspec

from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.options import DURATION, INPUT_FILE
from zoldyq.cli.output import echo, echo_document
from zoldyq.cli.sending import send_all
from zoldyq.contract.errors import InvalidJson

if TYPE_CHECKING:
    from zoldyq.client import Client


class _Record(msgspec.Struct):
    """A line of a dump, as far as it is restored. The text of the payload stays as it is."""

    payload: msgspec.Raw


_decode = msgspec.json.Decoder(_Record).decode


@click.command(short_help="Enqueue what dump has written.")
@queue_argument
@click.argument("file", type=INPUT_FILE, default="-")
@click.option(
    "--timeout", type=DURATION, default=30.0, show_default=True,
    help="How long to wait for room.",
)  # fmt: skip
@json_option
@with_client
def restore(
    client: Client, queue_name: str, file: IO[bytes], timeout: float, as_json: bool
) -> None:
    """Enqueue the messages of FILE, or of standard input, into QUEUE: lines that dump has written.

    Their order stays. They get the time stamps of now, as the server gives them.
    """
    sent = send_all(client.queue(queue_name), _payloads(file), timeout)
    if as_json:
        echo_document(sent.document(queue_name))
    else:
        echo(sent.text(queue_name))


def _payloads(lines: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = _decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise InvalidJson(f"line {number} is no line of zoldyq dump: {error}") from error
        yield f"line {number}", bytes(record.payload)
