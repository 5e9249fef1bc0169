"""The headers that say what a body is: its media type and its encoding."""

from __future__ import annotations

import re

from zoldyq.contract.errors import UnsupportedEncoding

JSON = "application/json"
NDJSON = "application/x-ndjson"
JSONL = "application/jsonl"

#: The names of one type: one JSON text a line.
_LINES = frozenset({NDJSON, JSONL})

# RFC 9110, section 12.4.2: a weight of zero means "not acceptable".
_EXCLUDED = re.compile(r";\s*q=0(?:\.0*)?\s*(?:;|$)", re.IGNORECASE)


def is_ndjson(content_type: str | None) -> bool:
    """Tell whether a Content-Type says one JSON text a line; every other type is read as JSON."""
    return content_type is not None and _essence(content_type) in _LINES


def check_content_encoding(encoding: str | None) -> None:
    """Accept the Content-Encoding of a request. Raises UnsupportedEncoding if it is compressed."""
    if encoding and encoding.strip().lower() != "identity":
        raise UnsupportedEncoding("send the body as it is: this server reads no compressed bodies")


def accepted_lines(accept: str | None) -> str | None:
    """Return the type of one JSON text a line that an Accept header names, None if it names none.

    A wildcard names none, nor does a type that the header excludes with ``q=0``.
    """
    for member in members_of(accept):
        if _essence(member) in _LINES and _EXCLUDED.search(member) is None:
            return _essence(member)
    return None


def members_of(value: str | None) -> list[str]:
    """Return the members of a header whose value is a list (RFC 9110, section 5.6.1).

    Empty members mean nothing and are left out.
    """
    return [member for part in (value or "").split(",") if (member := part.strip())]


def _essence(media_type: str) -> str:
    """Return a media type without its parameters."""
    return media_type.partition(";")[0].strip().lower()
