"""What all commands that talk to a server have in common: where it is, and what it is sent.

The options may stand before the command or after it. What is not given comes from a profile or
from the variables.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
import msgspec

from zoldyq.cli import signals
from zoldyq.cli.output import notice
from zoldyq.cli.profiles import find_profile, load_profiles
from zoldyq.cli.target import (
    OPTIONS,
    PROFILE_VARIABLE,
    Target,
    from_environment,
    options,
    with_options,
)
from zoldyq.contract.errors import ZoldyQError

if TYPE_CHECKING:
    from zoldyq.client import Client

# Shorter than a program's: a person is waiting.
_CONNECT_SECONDS = 2.0
_COMPLETION_SECONDS = 0.5

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def complete_profile(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the profiles that begin so."""
    with suppress(click.UsageError):
        return [name for name in sorted(load_profiles()) if name.startswith(incomplete)]
    return []


def connection_options(*, with_rare: bool) -> list[click.Option]:
    """Return the options that say where the server is, for a command or for the group."""
    profile = click.Option(
        ["--profile"],
        metavar="NAME",
        help=f"Server that zoldyq profile add has given this name.  [env: {PROFILE_VARIABLE}]",
        shell_complete=complete_profile,
    )
    return [*options(with_rare=with_rare), profile]


_NAMES = (*(option.field for option in OPTIONS), "profile")


def with_client(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where the server is, and a client as first argument."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        target = _target(click.get_current_context(), {name: kwargs.pop(name) for name in _NAMES})
        check_text(kwargs)
        if target.insecure:
            notice("--insecure: the server's certificate is not checked")
        with signals.ending_in_order(), _client(target, _CONNECT_SECONDS) as client:
            function(client, *args, **kwargs)

    declared: list[click.Parameter] = run.__dict__.setdefault("__click_params__", [])
    # click keeps the parameters of decorators in reverse.
    declared[:0] = reversed(connection_options(with_rare=False))
    return run


def check_text(values: Mapping[str, object]) -> None:
    """Raise click.UsageError if an argument, an option or a variable is not UTF-8 text."""
    for name, value in values.items():
        for text in _texts(value):
            try:
                text.encode()
            except UnicodeEncodeError:
                shown = name.replace("_", "-")
                raise click.UsageError(f"{shown}: {text!a} is not UTF-8 text") from None


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    return (
        tuple(each for each in value if isinstance(each, str)) if isinstance(value, tuple) else ()
    )


def _target(ctx: click.Context, given: Mapping[str, Any]) -> Target:
    """Return the server that is meant: by options, by a profile, or by variables."""
    before = ctx.find_root().params
    chosen = {
        name: before.get(name) if given[name] in (None, ()) else given[name] for name in _NAMES
    }
    check_text(chosen)
    profile = chosen.pop("profile")
    if profile is not None and chosen["url"] is not None:
        raise click.UsageError("give --url or --profile, not both")
    if profile is None and chosen["url"] is None:
        profile = _profile_variable()
    target = from_environment() if profile is None else find_profile(profile)
    check_text(msgspec.structs.asdict(target))
    return with_options(target, chosen)


def _profile_variable() -> str | None:
    name = os.environ.get(PROFILE_VARIABLE) or None
    if name is not None and from_environment().url is not None:
        raise click.UsageError(f"ZOLDYQ_URL and {PROFILE_VARIABLE} are both set: unset one of them")
    return name


def _client(target: Target, connect_timeout: float) -> Client:
    # Only here: the help and the server need no HTTP client.
    from zoldyq.client import Client

    return Client(**target.client_options(), connect_timeout=connect_timeout)


def complete_queue(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Return the names of the server's queues that begin so; none if it cannot be asked."""
    with suppress(ZoldyQError, click.UsageError):
        target = _target(ctx, {name: ctx.params.get(name) for name in _NAMES})
        with _client(target, _COMPLETION_SECONDS) as client:
            return [name for name in sorted(client.queues()) if name.startswith(incomplete)]
    return []


queue_argument = click.argument("queue_name", metavar="QUEUE", shell_complete=complete_queue)
