"""Where a server is and what it is sent: the options, the variables and the profiles.

What belongs together comes from one source: a profile's token goes to the profile's server and to
no other. Options may replace single values of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from zoldyq.config.kinds import Switch
from zoldyq.config.setting import PREFIX

DEFAULT_URL = "http://127.0.0.1:9000"
PROFILE_VARIABLE = f"{PREFIX}PROFILE"


class Target(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A server as the options describe it. ``token_file`` is read when the token is needed.

    The files are for TLS, in PEM: certificates to trust, and a certificate of one's own with its
    key. ``header`` holds further headers, each as ``Name: value``.
    """

    url: str | None = None
    token: str | None = None
    token_file: str | None = None
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None
    insecure: bool = False
    header: tuple[str, ...] = ()

    def client_options(self) -> dict[str, Any]:
        """Return the arguments of a client of this server.

        Raises:
            click.UsageError: the token's file cannot be read, or a header has no colon.
        """
        return {
            "url": self.url or DEFAULT_URL,
            "token": self._secret(),
            "headers": dict(map(_split_header, self.header)),
            "ca_file": self.cacert,
            "cert_file": self.cert,
            "key_file": self.key,
            "verify": not self.insecure,
        }

    def _secret(self) -> str | None:
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
    metavar: str | None  # None for a switch
    meaning: str
    repeatable: bool = False
    rare: bool = False  # shown in the help of the group alone

    @property
    def flag(self) -> str:
        return f"--{self.field.replace('_', '-')}"

    @property
    def variable(self) -> str | None:
        return None if self.repeatable else f"{PREFIX}{self.field.upper()}"


OPTIONS = (
    _Option(
        "url", "URL",
        f"Where the server is: {DEFAULT_URL}, or unix:///path/of/a/socket.",
    ),
    _Option(
        "token", "TOKEN",
        "Bearer token. A variable or a file is safer: options show in the list of processes.",
    ),
    _Option("token_file", "FILE", "File with the bearer token."),
    _Option(
        "cacert", "FILE", "Certificates to trust in the place of the system's (PEM).", rare=True
    ),
    _Option("cert", "FILE", "Certificate to show to the server (PEM).", rare=True),
    _Option("key", "FILE", "Key of that certificate, if it is not in the same file.", rare=True),
    _Option(
        "insecure", None, "Trust any certificate. Others may read along and take messages.",
        rare=True,
    ),
    _Option(
        "header", "'NAME: VALUE'", "Header to send with every request; may be repeated.",
        repeatable=True, rare=True,
    ),
)  # fmt: skip
#: What says where the server is: these options and the variables of the same names.
VARIABLES = (
    *(option.variable for option in OPTIONS if option.variable is not None),
    PROFILE_VARIABLE,
)
#: Fields that name files.
FILES = ("token_file", "cacert", "cert", "key")


def options(*, with_variables: bool = True, with_rare: bool = True) -> list[click.Option]:
    """Return the options for a click command. Its help shows the rare ones if asked to."""
    found = [_click_option(each, with_variables) for each in OPTIONS]
    for option, declared in zip(found, OPTIONS, strict=True):
        option.hidden = declared.rare and not with_rare
    return found


def from_environment(environ: Mapping[str, str] = os.environ) -> Target:
    """Return what the variables say. Empty ones say nothing.

    Raises:
        click.UsageError: one has a wrong value.
    """
    given: dict[str, Any] = {}
    for option in OPTIONS:
        value = environ.get(option.variable or "")
        if value:
            given[option.field] = value if option.metavar else _switch(option, value)
    return Target(**given)


def with_options(target: Target, given: Mapping[str, Any]) -> Target:
    """Return a target in which options replace what it says.

    Raises:
        click.UsageError: two options exclude each other.
    """
    if given.get("token") is not None and given.get("token_file") is not None:
        raise click.UsageError("give --token or --token-file, not both")
    chosen = {name: value for name, value in given.items() if value not in (None, ())}
    if not chosen.keys().isdisjoint({"token", "token_file"}):
        target = msgspec.structs.replace(target, token=None, token_file=None)
    return msgspec.structs.replace(target, **chosen)


def _click_option(option: _Option, with_variables: bool) -> click.Option:
    text = option.meaning
    if with_variables and option.variable is not None:
        text += f"  [env: {option.variable}]"
    if option.metavar is None:
        return click.Option([option.flag], is_flag=True, default=None, help=text)
    return click.Option(
        [option.flag], metavar=option.metavar, multiple=option.repeatable, help=text
    )


def _switch(option: _Option, value: str) -> bool:
    try:
        return Switch().parse(value)
    except ValueError as error:
        raise click.UsageError(f"{option.variable}: {error}") from None


def _split_header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise click.UsageError("write a header as 'NAME: VALUE'")
    return name.strip(), value.strip()
