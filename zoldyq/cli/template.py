"""Messages made from a template: ``{{n}}`` is the message's number, and so on."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import click

_FIELD = re.compile(r"\{\{\s*(\w+)\s*\}\}")

_VALUES: dict[str, Callable[[int], str]] = {
    "n": str,
    "time": lambda _number: datetime.now(UTC).isoformat(timespec="microseconds"),
    "uuid": lambda _number: str(uuid.uuid4()),
}

#: What a template may hold, for a help text.
FIELDS = "{{n}} (1, 2, ...), {{time}} (ISO 8601, UTC) and {{uuid}}"


def filled(template: str, count: int) -> Iterator[str]:
    """Yield the template ``count`` times, each with its own values.

    Raises:
        click.UsageError: it holds a field that means nothing.
    """
    parts = _FIELD.split(template)  # texts, with the names of fields between them
    for name in parts[1::2]:
        if name not in _VALUES:
            raise click.UsageError(f"{{{{{name}}}}} is no field of a template; known are {FIELDS}")
    return ("".join(_replaced(parts, number)) for number in range(1, count + 1))


def _replaced(parts: list[str], number: int) -> Iterator[str]:
    for index, part in enumerate(parts):
        yield _VALUES[part](number) if index % 2 else part
