"""What all commands that talk to a server have in common: where it is, and the token for it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from zoldyq.contract.errors import ZoldyQError

if TYPE_CHECKING:
    from zoldyq.client import Client

_DEFAULT_URL = "http://127.0.0.1:9000"

# Shorter than a program's: a person is waiting.
_CONNECT_SECONDS = 2.0
_COMPLETION_SECONDS = 0.5

_URL = click.option(
    "--url", envvar="ZOLDYQ_URL", default=_DEFAULT_URL, show_default=True, show_envvar=True,
    help="Where the server is.",
)  # fmt: skip
_TOKEN = click.option(
    "--token", envvar="ZOLDYQ_TOKEN", show_envvar=True,
    help="Bearer token, if the server asks for one. Of several with commas between them, as the "
    "server takes them, the first is sent.",
)  # fmt: skip

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def with_client(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where the server is, and a client as first argument."""

    @_URL
    @_TOKEN
    @functools.wraps(function)
    def run(*args: Any, url: str, token: str | None, **kwargs: Any) -> None:
        with _client(url, token, _CONNECT_SECONDS) as client:
            function(client, *args, **kwargs)

    return run


def _client(url: str, token: str | None, connect_timeout: float) -> Client:
    # Only here: the help and the server need no HTTP client.
    from zoldyq.client import Client

    first = (token or "").split(",")[0].strip()
    return Client(url, token=first or None, connect_timeout=connect_timeout)


def _complete_queue(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the server's queues that begin so; none if it cannot be asked."""
    given = ctx.params
    with suppress(ZoldyQError):
        client = _client(given.get("url") or _DEFAULT_URL, given.get("token"), _COMPLETION_SECONDS)
        return [name for name in sorted(client.queues()) if name.startswith(incomplete)]
    return []


queue_argument = click.argument("queue_name", metavar="QUEUE", shell_complete=_complete_queue)
