"""``zoldyq purge`` and ``zoldyq delete``: what cannot be undone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.output import echo_document, messages

if TYPE_CHECKING:
    from zoldyq.client import Client

_yes_option = click.option("--yes", is_flag=True, help="Do not ask, on a terminal either.")


@click.command(short_help="Drop all messages of a queue.")
@queue_argument
@_yes_option
@json_option
@with_client
def purge(client: Client, queue_name: str, yes: bool, as_json: bool) -> None:
    """Drop all messages of QUEUE."""
    _confirm(f"Drop all messages of {queue_name}?", yes)
    purged = client.queue(queue_name).purge()
    if as_json:
        echo_document({"queue_name": queue_name, "purged": purged})
    else:
        click.echo(f"dropped {messages(purged)} of {queue_name}")


@click.command(short_help="Delete a queue with what is in it.")
@queue_argument
@_yes_option
@json_option
@with_client
def delete(client: Client, queue_name: str, yes: bool, as_json: bool) -> None:
    """Delete QUEUE with what is in it. Who waits there gets nothing."""
    _confirm(f"Delete {queue_name} with all its messages?", yes)
    dropped = client.queue(queue_name).delete()
    if as_json:
        echo_document({"queue_name": queue_name, "deleted": True, "dropped": dropped})
    else:
        click.echo(f"deleted {queue_name} with {messages(dropped)}")


def _confirm(question: str, yes: bool) -> None:
    """Ask a person; scripts are taken at their word."""
    if not yes and sys.stdin.isatty():
        click.confirm(question, abort=True, err=True)
