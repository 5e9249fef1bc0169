"""The headers that say what a body is: its media type and its encoding."""

from __future__ import annotations

from zoldyq.contract.errors import UnsupportedEncoding

JSON = "application/json"
NDJSON = "application/x-ndjson"


def is_ndjson(content_type: str | None) -> bool:
    """Tell whether a Content-Type says NDJSON; every other type is read as JSON."""
    return content_type is not None and content_type.partition(";")[0].strip().lower() == NDJSON


def check_content_encoding(encoding: str | None) -> None:
    """Accept the Content-Encoding of a request. Raises UnsupportedEncoding if it is compressed."""
    if encoding and encoding.strip().lower() != "identity":
        raise UnsupportedEncoding("send the body as it is: this server reads no compressed bodies")


def accepts_ndjson(accept: str | None) -> bool:
    """Tell whether an Accept header names NDJSON (a wildcard does not)."""
    return accept is not None and any(map(is_ndjson, members_of(accept)))


def members_of(value: str | None) -> list[str]:
    """Return the members of a header whose value is a list (RFC 9110, section 5.6.1).

    Empty members mean nothing and are left out.
    """
    return [member for part in (value or "").split(",") if (member := part.strip())]
