"""The kinds of values that settings take: how each is read, bounded and shown.

A kind reads what any source gives: text from flags and the environment, numbers and lists from a
TOML file, ready values from Python. Reading a value that has been read before changes nothing.
Numbers with units are in :mod:`zoldyq.config.units`, names and addresses in
:mod:`zoldyq.config.names`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Generic, NoReturn, TypeVar

T = TypeVar("T")
Name = TypeVar("Name", bound=str)


class Kind(ABC, Generic[T]):
    """How one kind of value is read and shown."""

    #: Whether the flag may be given several times.
    repeatable: ClassVar[bool] = False
    #: Whether the value must never be shown.
    secret: ClassVar[bool] = False
    #: Whether the flag takes no value: ``--x`` says yes and ``--no-x`` says no.
    switch: ClassVar[bool] = False

    @property
    @abstractmethod
    def metavar(self) -> str:
        """What stands for the value in the help of a flag."""

    @property
    @abstractmethod
    def allowed(self) -> str:
        """What may be given, so that it completes "give ..."."""

    @property
    def bounds(self) -> str:
        """The same in short; empty where the meaning of the setting says it all."""
        return ""

    @abstractmethod
    def parse(self, value: object) -> T:
        """Read a value.

        Raises:
            ValueError: it is not allowed; the text says what is.
        """

    def show(self, value: T) -> str:
        """Write the value as it may be given; empty for none."""
        return str(value)

    def refuse(self, value: object, reason: str = "is not allowed") -> NoReturn:
        """Raise the ValueError for a value that is not allowed."""
        subject = "this value" if self.secret else shown(value)
        raise ValueError(f"{subject} {reason}; give {self.allowed}")


@dataclass(frozen=True)
class Whole(Kind[int]):
    """A whole number from ``low`` to ``high``."""

    low: int
    high: int

    metavar = "N"

    @property
    def bounds(self) -> str:
        return f"{self.low} to {self.high}"

    @property
    def allowed(self) -> str:
        return f"a whole number from {self.bounds}"

    def parse(self, value: object) -> int:
        number = integer(value)
        if number is None or not self.low <= number <= self.high:
            self.refuse(value)
        return number


@dataclass(frozen=True)
class Choice(Kind[Name]):
    """One of a few names, in any case; ``aliases`` are further spellings of them."""

    names: tuple[Name, ...]
    aliases: dict[str, Name] = field(default_factory=dict)

    metavar = "NAME"

    @property
    def allowed(self) -> str:
        return f"{', '.join(self.names[:-1])} or {self.names[-1]}"

    @property
    def bounds(self) -> str:
        return self.allowed

    def parse(self, value: object) -> Name:
        spelling = value.strip().lower() if isinstance(value, str) else ""
        known = {**{str(name): name for name in self.names}, **self.aliases}
        if spelling not in known:
            self.refuse(value)
        return known[spelling]


class Switch(Kind[bool]):
    """Yes or no."""

    switch = True
    metavar = ""
    allowed = "true or false"

    _WORDS: ClassVar[dict[str, bool]] = {
        **dict.fromkeys(("true", "yes", "on", "1"), True),
        **dict.fromkeys(("false", "no", "off", "0"), False),
    }

    def parse(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        word = value.strip().lower() if isinstance(value, str) else ""
        if word not in self._WORDS:
            self.refuse(value)
        return self._WORDS[word]

    def show(self, value: bool) -> str:
        return "true" if value else "false"


@dataclass(frozen=True)
class Optional(Kind[T | None]):
    """A value of another kind, or none: the text ``none``, in Python None."""

    kind: Kind[T]

    @property
    def metavar(self) -> str:
        return self.kind.metavar

    @property
    def allowed(self) -> str:
        return f"{self.kind.allowed}, or none"

    @property
    def bounds(self) -> str:
        return f"{self.kind.bounds}, or none" if self.kind.bounds else ""

    def parse(self, value: object) -> T | None:
        if value is None or (isinstance(value, str) and value.strip().lower() == "none"):
            return None
        try:
            return self.kind.parse(value)
        except ValueError as error:
            raise ValueError(f"{error}, or none") from None

    def show(self, value: T | None) -> str:
        return "" if value is None else self.kind.show(value)


def integer(value: object) -> int | None:
    """Return the whole number that a value is or spells; None if it is none."""
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return None
    # To Python, True is the number 1; to people it is no number.
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: object) -> float | None:
    """Return the number that a value is or spells; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def shown(value: object) -> str:
    """Return the value on one short line. A list or a table may hold secrets and is not shown."""
    if not isinstance(value, str | int | float):
        return "this value"
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return "this number"
    return text if len(text) <= 80 else f"{text[:76]}..."
