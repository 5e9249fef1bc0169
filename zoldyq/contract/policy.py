"""The policy of a queue: each field once, with its type, range, default and meaning.

Request bodies, settings, the file's ``[queues.*]`` tables, documents and the command line follow
from :data:`FIELDS`. To add a field, add it to :class:`Policy` and let the queue obey it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple

from zoldyq.contract.defaults import QUEUE_CAPACITY
from zoldyq.contract.errors import InvalidCapacity, InvalidPolicy, UnknownField

__all__ = ["FIELDS", "MAX_BYTES", "MAX_SECONDS", "OVERFLOWS", "Field", "Policy", "check_fields"]

Overflow = Literal["reject", "drop_oldest"]

#: The ways of dealing with a message that does not fit.
OVERFLOWS: tuple[Overflow, ...] = ("reject", "drop_oldest")

#: The largest bound in bytes: the largest whole number that every reader of JSON reads exactly
#: (RFC 8259, section 6).
MAX_BYTES = (1 << 53) - 1

#: The longest lifetime and idle time: 31 days.
MAX_SECONDS = 2_678_400


class Field(NamedTuple):
    """What is known of one field of :class:`Policy`.

    ``kind`` is ``whole`` (a whole number from ``minimum`` to ``maximum``), ``seconds`` (a number
    in that range; a ``minimum`` of 0 is excluded) or ``overflow`` (one of :data:`OVERFLOWS`).
    ``nullable`` tells that null is allowed, which means: no bound.
    """

    name: str
    kind: Literal["whole", "seconds", "overflow"]
    minimum: int
    maximum: int
    nullable: bool
    default: Any
    meaning: str

    @property
    def range(self) -> str:
        """What values are allowed, for people."""
        if self.kind == "overflow":
            return " or ".join(f'"{way}"' for way in OVERFLOWS)
        number = "a whole number" if self.kind == "whole" else "a number of seconds"
        above = f"above {self.minimum}" if self.kind == "seconds" and not self.minimum else None
        text = f"{number} {above or f'from {self.minimum}'} up to {self.maximum}"
        return f"{text}, or null" if self.nullable else text

    def check(self, value: object) -> Any:
        """Return the value as the policy holds it.

        Raises:
            InvalidCapacity, InvalidPolicy: its type or range is wrong.
        """
        if not self._allows(value):
            refusal = InvalidCapacity if self.name == "capacity" else InvalidPolicy
            raise refusal(f"{self.name} must be {self.range}", field=self.name, range=self.range)
        return value

    def _allows(self, value: object) -> bool:
        if value is None:
            return self.nullable
        if self.kind == "overflow":
            return value in OVERFLOWS
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.kind == "whole" and not isinstance(value, int):
            return False
        # Comparisons alone: a whole number may be too large for a float. They are false for nan.
        above = value > 0 if self.kind == "seconds" and not self.minimum else value >= self.minimum
        return above and value <= self.maximum


def _told(
    kind: Literal["whole", "seconds", "overflow"],
    meaning: str,
    *,
    minimum: int = 0,
    maximum: int = 0,
    nullable: bool = True,
) -> Mapping[str, Any]:
    return {
        "kind": kind,
        "meaning": meaning,
        "minimum": minimum,
        "maximum": maximum,
        "nullable": nullable,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a queue deals with its messages. None means no bound."""

    capacity: int = field(
        default=QUEUE_CAPACITY,
        metadata=_told(
            "whole",
            "Messages that the queue may hold",
            minimum=1,
            maximum=1_000_000_000,
            nullable=False,
        ),
    )
    max_bytes: int | None = field(
        default=None,
        metadata=_told(
            "whole",
            "Bytes that the messages of the queue may be charged: payload plus 96 each",
            minimum=1 << 10,
            maximum=MAX_BYTES,
        ),
    )
    ttl_seconds: float | None = field(
        default=None,
        metadata=_told(
            "seconds",
            "Lifetime of a message, from the moment in which it was accepted",
            maximum=MAX_SECONDS,
        ),
    )
    overflow: Overflow = field(
        default="reject",
        metadata=_told(
            "overflow",
            "What happens when a message does not fit: it is refused, or the oldest messages go",
            nullable=False,
        ),
    )
    idle_seconds: float | None = field(
        default=None,
        metadata=_told(
            "seconds",
            "The queue is deleted when it is empty and has not been used for this long",
            minimum=1,
            maximum=MAX_SECONDS,
        ),
    )

    def changed(self, given: Mapping[str, Any]) -> Policy:
        """Return this policy with some fields replaced; see :func:`check_fields`."""
        return replace(self, **given) if given else self

    def differs(self, given: Mapping[str, Any]) -> list[str]:
        """Return the names of the given fields whose value is another one here."""
        return [name for name, value in given.items() if getattr(self, name) != value]

    def document(self) -> dict[str, Any]:
        """Return all fields, in order, as JSON has them."""
        # Not asdict, which copies values that need no copy, and takes ten times as long: every
        # look at a queue comes by here.
        return {each.name: getattr(self, each.name) for each in FIELDS}


#: Every field, in the order of the documents.
FIELDS: Sequence[Field] = tuple(
    Field(name=each.name, default=each.default, **each.metadata) for each in fields(Policy)
)
_FIELD_OF: Mapping[str, Field] = {each.name: each for each in FIELDS}


def check_fields(given: Mapping[str, object]) -> dict[str, Any]:
    """Return fields of a policy that were given by name, checked.

    Raises:
        UnknownField: a policy has no field of that name.
        InvalidCapacity, InvalidPolicy: a value has the wrong type or range.
    """
    checked = {}
    for name, value in given.items():
        known = _FIELD_OF.get(name)
        if known is None:
            raise UnknownField(
                f"a policy has no field of this name: it has {', '.join(_FIELD_OF)}",
                field=name[:100],
            )
        checked[name] = known.check(value)
    return checked
