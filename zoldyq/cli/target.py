"""Where a server is and what it is sent: the options, the variables and the profiles.

What belongs together comes from one source: a profile's token goes to the profile's server and to
no other. Options may replace single values of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import click
import msgspec

from zoldyq.config.setting import PREFIX

DEFAULT_URL = "http://127.0.0.1:9000"
PROFILE_VARIABLE = f"{PREFIX}PROFILE"


class Target(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A server as the options describe it. ``token_file`` is read when the token is needed."""

    url: str | None = None
    token: str | None = None
    token_file: str | None = None

    def secret(self) -> str | None:
        """Return the token to send, if any.

        Raises:
            click.UsageError: its file cannot be read or is empty.
        """
        if self.token_file is None:
            # Of several, as the server takes them, the first.
            return (self.token or "").split(",")[0].strip() or None
        try:
            token = Path(self.token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise click.UsageError(
                f"cannot read the token file {self.token_file}: {reason}"
            ) from None
        if not token:
            raise click.UsageError(f"the token file {self.token_file} is empty")
        return token


class _Option(NamedTuple):
    """An option and the field of :class:`Target` that it fills."""

    field: str
    metavar: str
    meaning: str

    @property
    def flag(self) -> str:
        return f"--{self.field.replace('_', '-')}"

    @property
    def variable(self) -> str:
        return f"{PREFIX}{self.field.upper()}"


OPTIONS = (
    _Option("url", "URL", f"Where the server is; {DEFAULT_URL} unless told otherwise."),
    _Option(
        "token", "TOKEN",
        "Bearer token, if the server asks for one. A variable or a file is safer: options show in "
        "the list of processes.",
    ),
    _Option("token_file", "FILE", "File with the bearer token."),
)  # fmt: skip
VARIABLES = (*(option.variable for option in OPTIONS), PROFILE_VARIABLE)


def options(*, with_variables: bool = True) -> list[click.Option]:
    """Return the options for a click command."""
    return [
        click.Option(
            [option.flag],
            metavar=option.metavar,
            help=f"{option.meaning}  [env: {option.variable}]"
            if with_variables
            else option.meaning,
        )
        for option in OPTIONS
    ]


def from_environment(environ: Mapping[str, str] = os.environ) -> Target:
    """Return what the variables say. Empty ones say nothing."""
    return Target(**{option.field: environ.get(option.variable) or None for option in OPTIONS})


def with_options(target: Target, given: Mapping[str, str | None]) -> Target:
    """Return a target in which options replace what it says.

    Raises:
        click.UsageError: two options exclude each other.
    """
    if given.get("token") is not None and given.get("token_file") is not None:
        raise click.UsageError("give --token or --token-file, not both")
    chosen = {name: value for name, value in given.items() if value is not None}
    if not chosen.keys().isdisjoint({"token", "token_file"}):
        target = msgspec.structs.replace(target, token=None, token_file=None)
    return msgspec.structs.replace(target, **chosen)
