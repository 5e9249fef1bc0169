"""Policies of queues in the settings: what holds by default, and for declared queues.

In the file, ``[queues.NAME]`` declares a queue, and ``[queues."PATTERN"]`` says what holds for
queues that are created with a name like this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from zoldyq.config.kinds import Choice, Kind, Optional, Whole
from zoldyq.config.nearest import nearest_word
from zoldyq.config.units import Bytes, Seconds
from zoldyq.contract.errors import InvalidSetting
from zoldyq.contract.patterns import InvalidPattern, NamePattern
from zoldyq.contract.policy import FIELDS, OVERFLOWS, Field

_TIB = 1 << 40
# Times are kept in microseconds.
_LEAST_SECONDS = 1e-6


def _kind_of(field: Field) -> Kind[Any]:
    """Return how a field is read, within the range that the contract gives."""
    if field.kind == "overflow":
        return Choice(OVERFLOWS)
    if field.kind == "seconds":
        return Optional(Seconds(field.minimum or _LEAST_SECONDS, field.maximum))
    if field.name == "max_bytes":
        return Optional(Bytes(field.minimum, _TIB))
    return Whole(field.minimum, field.maximum)


#: How each field of a policy is read.
POLICY_KINDS: Mapping[str, Kind[Any]] = {each.name: _kind_of(each) for each in FIELDS}


class DeclaredQueue(NamedTuple):
    """A table ``[queues.NAME]``: a name or a pattern, and the fields that it gives."""

    name: NamePattern
    fields: Mapping[str, Any]


def read_declared_queues(value: object, source: str) -> tuple[DeclaredQueue, ...]:
    """Read the tables of queues, in their order.

    ``source`` names where they come from, for errors.

    Raises:
        InvalidSetting: a name, a field or a value is wrong.
    """
    if not isinstance(value, Mapping):
        raise InvalidSetting(f"{source}: write a table [queues.NAME] for each queue")
    return tuple(_read_table(name, table, source) for name, table in value.items())


def fields_for(
    name: str, defaults: Mapping[str, Any], declared: Iterable[DeclaredQueue]
) -> dict[str, Any]:
    """Return the fields that hold for a queue of this name.

    A plain name wins over all patterns, and an earlier pattern over later ones.
    """
    matching = [each for each in declared if each.name.matches(name)]
    matching.sort(key=lambda each: not each.name.plain)  # stable: the file's order stays
    return {**defaults, **(matching[0].fields if matching else {})}


def _read_table(name: str, table: object, source: str) -> DeclaredQueue:
    where = f"[queues.{name}] in {source}"
    try:
        pattern = NamePattern(name)
    except InvalidPattern as error:
        raise InvalidSetting(f"{where}: {error}") from None
    if not isinstance(table, Mapping):
        raise InvalidSetting(f"{where}: write a table with fields such as capacity = 1000")
    return DeclaredQueue(
        pattern, {field: _read_field(field, value, where) for field, value in table.items()}
    )


def _read_field(field: str, value: object, where: str) -> object:
    if field not in POLICY_KINDS:
        near = nearest_word(POLICY_KINDS, field)
        hint = f"did you mean {near}?" if near else f"known are {', '.join(POLICY_KINDS)}"
        raise InvalidSetting(f"{where}: {field!r} is no field of a queue; {hint}")
    try:
        return POLICY_KINDS[field].parse(value)
    except ValueError as error:
        raise InvalidSetting(f"{where}: {field}: {error}") from None
