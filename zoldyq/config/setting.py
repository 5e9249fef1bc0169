"""How a setting is declared: once, as a field of the settings class.

The flag, the environment variable, the key in the file, the help text and the README's table all
derive from this declaration.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

from zoldyq.config.kinds import Kind
from zoldyq.contract.errors import InvalidSetting

T = TypeVar("T")

#: All environment variables of ZoldyQ begin so.
PREFIX = "ZOLDYQ_"


@dataclass(frozen=True)
class Setting:
    """One setting: ``name`` is the field and the key in the file."""

    name: str
    default: object
    kind: Kind[Any]
    meaning: str
    flag: str
    variable: str

    def read(self, value: object, source: str) -> object:
        """Return the value as the field holds it.

        Raises:
            InvalidSetting: it is not allowed; the text begins with ``source``.
        """
        try:
            return self.kind.parse(value)
        except ValueError as error:
            raise InvalidSetting(f"{source}: {error}") from None

    @property
    def default_text(self) -> str:
        """The default as a person would give it; empty if there is none."""
        return self.kind.show(self.default)

    @property
    def explanation(self) -> str:
        """The meaning with what is allowed."""
        return f"{self.meaning} ({self.kind.bounds})" if self.kind.bounds else self.meaning


def setting(
    default: T,
    kind: Kind[T],
    meaning: str,
    *,
    flag: str | None = None,
    variable: str | None = None,
) -> T:
    """Declare a field of a settings class.

    ``flag`` and ``variable`` are given only where they do not follow from the field's name.
    """
    metadata = {"kind": kind, "meaning": meaning, "flag": flag, "variable": variable}
    return dataclasses.field(default=default, repr=not kind.secret, metadata=metadata)


def declared_settings(cls: type) -> tuple[Setting, ...]:
    """Return the settings that a settings class declares, in its order."""
    return tuple(
        Setting(
            name=each.name,
            default=each.default,
            kind=each.metadata["kind"],
            meaning=each.metadata["meaning"],
            flag=each.metadata["flag"] or f"--{each.name.replace('_', '-')}",
            variable=each.metadata["variable"] or f"{PREFIX}{each.name.upper()}",
        )
        for each in dataclasses.fields(cls)
        if "kind" in each.metadata
    )
