"""``zoldyq token new``: a secret, and the lines of the tokens file that belong to it."""

from __future__ import annotations

import hashlib
import json
import re
import secrets

import click

from zoldyq.cli.output import echo_lines, notice
from zoldyq.contract.names import NAME_PATTERN
from zoldyq.contract.patterns import InvalidPattern, NamePattern
from zoldyq.contract.routes import Right

_SECRET_BYTES = 32
_NAME = re.compile(NAME_PATTERN)


@click.group(short_help="Make tokens for a server.")
def token() -> None:
    """Make tokens for a server that has a tokens file."""


@token.command(short_help="Make a secret, and its lines for the tokens file.")
@click.option("--name", required=True, metavar="NAME", help="What the log and errors call it.")
@click.option(
    "--rights",
    required=True,
    metavar="RIGHTS",
    help=f"What it may do: {', '.join(Right)}, separated by commas.",
)
@click.option(
    "--queues",
    default="*",
    show_default=True,
    metavar="PATTERNS",
    help="Names of queues, or patterns with * and ?, separated by commas.",
)
def new(name: str, rights: str, queues: str) -> None:
    """Make a secret of 256 bits, and print it once, on standard error.

    Give the secret to the client. Standard output has the lines for the file that --tokens-file
    names, so >> can append them; then send the server SIGHUP. The secret is stored nowhere.
    """
    if _NAME.fullmatch(name) is None:
        raise click.BadParameter(
            "use 1 to 128 of A-Z a-z 0-9 . _ : -, and begin with a letter or digit",
            param_hint="--name",
        )
    words, patterns = _rights_of(rights), _queues_of(queues)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    echo_lines(
        [
            "[[token]]",
            f"name = {json.dumps(name)}",
            f'sha256 = "{hashlib.sha256(secret.encode()).hexdigest()}"',
            f"rights = {json.dumps(words)}",
            f"queues = {json.dumps(patterns)}",
        ]
    )
    notice(f"the secret, which is not shown again: {secret}")


def _words_of(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def _rights_of(text: str) -> list[str]:
    rights = _words_of(text)
    wrong = [each for each in rights if each not in set(Right)]
    if wrong:
        raise click.BadParameter(
            f"{wrong[0]!r} is no right: use {', '.join(Right)}", param_hint="--rights"
        )
    return rights


def _queues_of(text: str) -> list[str]:
    try:
        return [NamePattern(each).text for each in _words_of(text)]
    except InvalidPattern as error:
        raise click.BadParameter(str(error), param_hint="--queues") from None
