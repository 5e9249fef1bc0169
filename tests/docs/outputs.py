"""What a document says that a command prints, beside what it prints.

What differs from run to run is the same for all: time stamps, ages, the server's port and version.
"""

from __future__ import annotations

import json
import re

_VARYING = frozenset(
    {"enqueued_at", "created_at", "uptime_seconds", "oldest_age_seconds", "version"}
)
_REPLACED = (
    (re.compile(r"\b(?:localhost|127\.0\.0\.1):\d+\b"), "server"),
    (re.compile(r"\b\d{16}\b"), "stamp"),
    (re.compile(r"\b\d+\.\d+s\b"), "0.0s"),
    # How wide a column is depends on what stands in it.
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r" $", re.MULTILINE), ""),
)

Document = str | int | None | list["Document"] | tuple[str, "Document"]


def same(language: str, shown: str, printed: str) -> bool:
    """Tell whether a block shows what was printed: as JSON documents or as text."""
    if language == "json":
        return _documents(shown) == _documents(printed)
    return _steady(shown) == _steady(printed)


def _steady(text: str) -> str:
    for pattern, replacement in _REPLACED:
        text = pattern.sub(replacement, text)
    return text.strip()


def _documents(text: str) -> list[Document]:
    """Read JSON documents that follow each other. Numbers and duplicate keys stay as written."""
    decoder = json.JSONDecoder(object_pairs_hook=_members, parse_int=_number, parse_float=_number)
    found: list[Document] = []
    rest = text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        found.append(document)
        rest = rest[end:].lstrip()
    return found


def _number(text: str) -> Document:
    return ("number", text)


def _members(pairs: list[tuple[str, Document]]) -> list[Document]:
    return [(name, "varies" if name in _VARYING else value) for name, value in pairs]
