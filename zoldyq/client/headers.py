"""The headers that go with every request: checked once, and never shown.

A token or another secret must not appear in an error, a log line or a ``repr``. So values are
checked here, where they come in, and errors name a header but never repeat its value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from zoldyq import __version__
from zoldyq.client.errors import InvalidOption

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # token of RFC 9110, section 5.6.2
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # field-value, section 5.5
_TOKEN = re.compile(r"[\x21-\x7e]+")

# What the client writes itself: another value would break the framing or the handshake.
_OWN = frozenset(
    {"connection", "content-length", "content-type", "expect", "host", "te", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip


class Headers(dict[str, str]):
    """Header names and values. Its ``repr`` shows the names alone."""

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"

    __str__ = __repr__

    @property
    def with_token(self) -> bool:
        """Whether requests prove who they are."""
        return any(name.lower() == "authorization" for name in self)


def request_headers(token: str | None, extra: Mapping[str, str] | None) -> Headers:
    """Return what is sent with every request.

    White space around a token is dropped: it comes from files and environment variables.

    Raises:
        InvalidOption: the token is empty or has characters that no token has, or one of the
            ``extra`` headers cannot be sent. Values are not repeated.
    """
    headers = Headers({"User-Agent": f"zoldyq-python/{__version__}"})
    if token is not None:
        headers["Authorization"] = f"Bearer {_checked_token(token)}"
    for name, value in (extra or {}).items():
        _check(name, value, headers)
        headers[name] = value.strip(" \t")
    return headers


def _checked_token(token: object) -> str:
    stripped = token.strip() if isinstance(token, str) else ""
    if not _TOKEN.fullmatch(stripped):
        raise InvalidOption(
            "a token is a text of visible ASCII characters without white space between them; "
            "leave it out where the server asks for none"
        )
    return stripped


def _check(name: object, value: object, headers: Headers) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidOption(f"{name!r} is no name of a header")
    if name.lower() in _OWN or name.lower().startswith("sec-websocket-"):
        raise InvalidOption(f"the client sets the header {name} itself")
    if name.lower() == "authorization" and headers.with_token:
        raise InvalidOption("give a token or the header Authorization, not both")
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise InvalidOption(f"the value of the header {name} has characters that no header has")
