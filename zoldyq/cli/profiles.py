"""Profiles: servers with names, in a file that only its owner can read."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

from zoldyq.cli.target import Target

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OWNER_ONLY = 0o600


def profiles_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the profiles are, by the XDG Base Directory Specification."""
    folder = environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "zoldyq" / "profiles.json"


def load_profiles() -> dict[str, Target]:
    """Return all profiles by their names.

    Raises:
        click.UsageError: the file cannot be read, or it holds something else.
    """
    file = profiles_file()
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Target])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise click.UsageError(f"cannot read the profiles in {file}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise click.UsageError(
            f"{file} holds no profiles ({error}): mend it, or delete it and add them again"
        ) from error


def save_profiles(profiles: Mapping[str, Target]) -> None:
    """Write all profiles. The file is replaced as a whole, and only its owner can read it.

    Raises:
        click.UsageError: it cannot be written.
    """
    file = profiles_file()
    text = msgspec.json.format(msgspec.json.encode(dict(profiles), order="sorted"))
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes the file with mode 0600.
        descriptor, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(text + b"\n")
        Path(name).replace(file)
    except OSError as error:
        raise click.UsageError(f"cannot write the profiles to {file}: {error.strerror}") from error


def find_profile(name: str) -> Target:
    """Return the profile of this name. Raises click.UsageError if there is none."""
    known = load_profiles()
    if name not in known:
        hint = (
            f"known are {', '.join(sorted(known))}" if known else "add it with: zoldyq profile add"
        )
        raise click.UsageError(f"there is no profile {name!r}; {hint}")
    return known[name]


def check_profile_name(name: str) -> None:
    """Raise click.UsageError if a profile cannot have this name."""
    if not _NAME.fullmatch(name):
        raise click.UsageError(
            "a profile's name has 1 to 64 letters, digits, dots, hyphens or underscores, and "
            "begins with a letter or a digit"
        )
