"""``zoldyq purge`` and ``zoldyq delete``: what cannot be undone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from zoldyq.cli import exit_codes
from zoldyq.cli.connection import json_option, queue_argument, with_client
from zoldyq.cli.output import echo, echo_document, messages, notice
from zoldyq.cli.terminal import is_terminal

if TYPE_CHECKING:
    from zoldyq.client import Client, RemoteQueue

_yes_option = click.option("--yes", is_flag=True, help="Do not ask, on a terminal either.")


@click.command(short_help="Drop all messages of a queue.")
@queue_argument
@_yes_option
@json_option
@with_client
def purge(client: Client, queue_name: str, yes: bool, as_json: bool) -> None:
    """Drop all messages of QUEUE."""
    queue = client.queue(queue_name)
    _confirm("Drop {} of {}?", queue, yes)
    purged = queue.purge()
    if as_json:
        echo_document({"queue_name": queue_name, "purged": purged})
    else:
        echo(f"dropped {messages(purged)} of {queue_name}")


@click.command(short_help="Delete a queue with what is in it.")
@queue_argument
@_yes_option
@json_option
@with_client
def delete(client: Client, queue_name: str, yes: bool, as_json: bool) -> None:
    """Delete QUEUE with what is in it. Consumers that wait there get nothing."""
    queue = client.queue(queue_name)
    _confirm("Drop {} and delete {}?", queue, yes)
    dropped = queue.delete()
    if as_json:
        echo_document({"queue_name": queue_name, "deleted": True, "dropped": dropped})
    else:
        echo(f"deleted {queue_name} with {messages(dropped)}")


def _confirm(question: str, queue: RemoteQueue, yes: bool) -> None:
    """Ask a person, after a look at the queue. Scripts are taken at their word.

    Raises:
        QueueNotFound: there is nothing to ask about.
    """
    if yes or not is_terminal(sys.stdin):
        return
    size = queue.stats().size
    if not click.confirm(question.format(messages(size), queue.name), err=True):
        notice("nothing was changed")
        click.get_current_context().exit(exit_codes.FAILED)
