"""``zoldyq profile``: servers with names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from zoldyq.cli import terminal
from zoldyq.cli.connection import check_text, complete_profile
from zoldyq.cli.output import echo, echo_document, echo_lines
from zoldyq.cli.profiles import (
    check_profile_name,
    find_profile,
    load_profiles,
    profiles_file,
    save_profiles,
)
from zoldyq.cli.table import Column, table
from zoldyq.cli.target import FILES, Target, options, with_options


@click.group(short_help="Give servers names, for --profile.")
def profile() -> None:
    """Give servers names, so that --profile NAME, or ZOLDYQ_PROFILE, says where a server is.

    \b
    zoldyq profile add prod --url https://queues.example.com --token-file ~/prod.token
    zoldyq --profile prod queues
    """


_name_argument = click.argument("name", shell_complete=complete_profile)


def _add(name: str, **given: Any) -> None:
    """Add a profile, or replace one.

    Only you can read the file that the profiles are in. With --token-file it holds no secret.
    """
    check_text({"name": name, **given})
    check_profile_name(name)
    if given["url"] is None:
        raise click.UsageError("say where the server is, with --url")
    for field in FILES:
        if given[field] is not None:
            given[field] = str(Path(given[field]).expanduser().absolute())
    target = with_options(Target(), given)
    _check_url(given["url"])
    known = load_profiles()
    verb = "replaced" if name in known else "added"
    save_profiles({**known, name: target})
    echo(f"{verb} profile {name} in {profiles_file()}")


profile.add_command(
    click.Command(
        "add",
        callback=_add,
        params=[click.Argument(["name"]), *options(with_variables=False)],
        help=_add.__doc__,
        short_help="Add or replace a profile.",
    )
)


@profile.command("remove", short_help="Remove a profile.")
@_name_argument
def remove(name: str) -> None:
    """Remove the profile NAME."""
    find_profile(name)
    save_profiles({other: target for other, target in load_profiles().items() if other != name})
    echo(f"removed profile {name}")


@profile.command("list", short_help="List the profiles.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def list_profiles(as_json: bool) -> None:
    """List the profiles. Tokens are not shown."""
    shown = {name: _without_secrets(target) for name, target in sorted(load_profiles().items())}
    if as_json:
        echo_document(shown)
    elif shown:
        columns = (Column("PROFILE"), Column("URL"), Column("TOKEN"))
        rows = [(name, str(each["url"]), str(each["token"] or "")) for name, each in shown.items()]
        echo_lines(table(columns, rows, terminal.width()))
    else:
        echo("no profiles")


def _without_secrets(target: Target) -> dict[str, object]:
    token = target.token_file or ("set" if target.token else None)
    # A header may be a secret as well.
    headers = [header.partition(":")[0] for header in target.header]
    return {**msgspec.structs.asdict(target), "token": token, "header": headers}


def _check_url(url: str) -> None:
    from zoldyq.client.address import Address

    Address.parse(url)
