"""Options of a client that stand in the environment, as those of the command line do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

from zoldyq.client.errors import InvalidOption

#: The variables that clients read.
VARIABLES = (
    "ZOLDYQ_URL",
    "ZOLDYQ_TOKEN",
    "ZOLDYQ_TOKEN_FILE",
    "ZOLDYQ_CACERT",
    "ZOLDYQ_CERT",
    "ZOLDYQ_KEY",
    "ZOLDYQ_INSECURE",
)

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"", "0", "false", "no", "off"})


class Options(TypedDict, total=False):
    """What the environment says: keyword arguments of ``Client``."""

    url: str
    token: str
    ca_file: str
    verify: bool
    cert_file: str
    key_file: str


def options_from(environment: Mapping[str, str]) -> Options:
    """Read the variables that are set and not empty.

    Raises:
        InvalidOption: ZOLDYQ_INSECURE is neither yes nor no, or the file with the token cannot be
            read.
    """
    options = Options()
    if url := environment.get("ZOLDYQ_URL", "").strip():
        options["url"] = url
    # The server takes several tokens, with commas between them; a client needs one.
    if token := environment.get("ZOLDYQ_TOKEN", "").split(",")[0].strip():
        options["token"] = token
    elif path := environment.get("ZOLDYQ_TOKEN_FILE"):
        options["token"] = _first_line(path)
    if ca_file := environment.get("ZOLDYQ_CACERT"):
        options["ca_file"] = ca_file
    if cert_file := environment.get("ZOLDYQ_CERT"):
        options["cert_file"] = cert_file
    if key_file := environment.get("ZOLDYQ_KEY"):
        options["key_file"] = key_file
    if _is_yes(environment.get("ZOLDYQ_INSECURE", "")):
        options["verify"] = False
    return options


def _is_yes(value: str) -> bool:
    lower = value.strip().lower()
    if lower not in _YES | _NO:
        raise InvalidOption(f"ZOLDYQ_INSECURE must be 1 or 0, not {value!r}")
    return lower in _YES


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, ValueError) as error:
        # Without what was read: it may be a secret.
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InvalidOption(f"cannot read ZOLDYQ_TOKEN_FILE {path}: {reason}") from None
