"""``zoldyq health``: whether a server is there and takes messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoldyq.cli.connection import json_option, with_client
from zoldyq.cli.exit_codes import FAILED
from zoldyq.cli.output import echo, echo_document, messages, seconds
from zoldyq.config import Settings

if TYPE_CHECKING:
    from zoldyq.client import Client, Health


@click.command(short_help="Say whether a server is well, for health checks.")
@json_option
@click.option(
    "--own",
    is_flag=True,
    help="Ask the server that is started with the variables of this environment, and only "
    "whether it lives: for a container, whose server may speak TLS.",
)
@with_client
def health(client: Client, as_json: bool, own: bool) -> None:
    """Say whether the server is well. Exits with 0 if it is, with 1 if it is about to stop."""
    if own:
        from zoldyq.cli.own import ask_own  # only here: no other command reads the settings

        echo(ask_own(Settings.load()))
        return
    found = client.health()
    if as_json:
        echo_document(found)
    else:
        echo(summary(found))
    if found.status != "healthy":
        click.get_current_context().exit(FAILED)


def summary(found: Health) -> str:
    """Return one line about a server. Who may not see its queues is told nothing of them."""
    server = f"ZoldyQ {found.version} {found.status}, up {seconds(found.uptime_seconds)}"
    where = f"Redis at {', '.join(found.backend.nodes)}" if found.backend.nodes else ""
    if not found.backend.up:
        return f"{server}; {where} does not answer"
    if found.total_queues is None:
        return f"{server}; without a token that may observe, it tells of no queues"
    total = sum(stats.size for stats in found.queues.values())
    plural = "queue" if found.total_queues == 1 else "queues"
    inside = f" in {where}" if where else ""
    return f"{server}, {messages(total)} in {found.total_queues:,} {plural}{inside}"
