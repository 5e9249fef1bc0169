"""The kinds of values that settings take: how each is read, bounded and shown.

A kind reads what any source gives: text from flags and the environment, numbers and lists from a
TOML file, ready values from Python. Reading a value that has been read before changes nothing.
"""

from __future__ import annotations

import ipaddress
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, NoReturn, TypeVar

T = TypeVar("T")
Name = TypeVar("Name", bound=str)

#: ``sun_path`` of a Unix domain socket holds 108 bytes, the last of them a zero.
_SOCKET_PATH_BYTES = 107


class Kind(ABC, Generic[T]):
    """How one kind of value is read and shown."""

    #: Whether the flag may be given several times.
    repeatable: ClassVar[bool] = False
    #: Whether the value must never be shown.
    secret: ClassVar[bool] = False

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

    def _refuse(self, value: object, reason: str = "is not allowed") -> NoReturn:
        subject = "this value" if self.secret else _shown(value)
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
        number = _integer(value)
        if number is None or not self.low <= number <= self.high:
            self._refuse(value)
        return number


@dataclass(frozen=True)
class Seconds(Kind[float]):
    """A number of seconds from ``low`` to ``high``."""

    low: float
    high: float = 86_400

    metavar = "SECONDS"

    @property
    def bounds(self) -> str:
        return f"{self.low:g} to {self.high:g} seconds"

    @property
    def allowed(self) -> str:
        return f"a number from {self.bounds}"

    def parse(self, value: object) -> float:
        number = _number(value)
        # A NaN lies within no bounds.
        if number is None or not self.low <= number <= self.high:
            self._refuse(value)
        return number

    def show(self, value: float) -> str:
        return f"{value:g}"


@dataclass(frozen=True)
class Bytes(Kind[int]):
    """A number of bytes from ``low`` to ``high``, with or without a suffix such as ``MiB``."""

    low: int
    high: int

    metavar = "SIZE"

    _UNITS: ClassVar[dict[str, int]] = {
        "gib": 1 << 30,
        "mib": 1 << 20,
        "kib": 1 << 10,
        "gb": 10**9,
        "mb": 10**6,
        "kb": 10**3,
    }
    _SIZE: ClassVar[re.Pattern[str]] = re.compile(r"\s*([0-9_]+)\s*([kmg]i?b)\s*", re.IGNORECASE)

    @property
    def bounds(self) -> str:
        return f"{self.show(self.low)} to {self.show(self.high)}"

    @property
    def allowed(self) -> str:
        return f"bytes from {self.bounds}, as a number or with KiB, MiB, GiB, KB, MB or GB"

    def parse(self, value: object) -> int:
        number, factor = value, 1
        if isinstance(value, str) and (size := self._SIZE.fullmatch(value)):
            number, factor = size[1], self._UNITS[size[2].lower()]
        count = _integer(number)
        if count is None or not self.low <= count * factor <= self.high:
            self._refuse(value)
        return count * factor

    def show(self, value: int) -> str:
        for suffix, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
            if value and value % factor == 0:
                return f"{value // factor}{suffix}"
        return str(value)


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
            self._refuse(value)
        return known[spelling]


class Host(Kind[str]):
    """A host name, an IPv4 or an IPv6 address."""

    metavar = "HOST"
    allowed = "a host name or an IP address, without a scheme, a port or brackets"

    _NAME: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")

    def parse(self, value: object) -> str:
        if not isinstance(value, str):
            self._refuse(value)
        if not self._NAME.fullmatch(value) and not _is_ipv6(value):
            self._refuse(value)
        return value


class SocketPath(Kind[str | None]):
    """The path of a Unix domain socket, or None."""

    metavar = "PATH"
    allowed = f"a path of 1 to {_SOCKET_PATH_BYTES} bytes"

    def parse(self, value: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or "\0" in value:
            self._refuse(value)
        length = len(os.fsencode(value))
        if not 1 <= length <= _SOCKET_PATH_BYTES:
            self._refuse(value, f"has {length} bytes")
        return value

    def show(self, value: str | None) -> str:
        return value or ""


class _Several(Kind[tuple[str, ...]]):
    """Several texts: a list, or one text separated by commas."""

    repeatable = True

    def parse(self, value: object) -> tuple[str, ...]:
        if isinstance(value, str):
            value = [item.strip() for item in value.split(",")]
        if not isinstance(value, Sequence):
            self._refuse(value)
        return tuple(self._item(item) for item in value)

    def show(self, value: tuple[str, ...]) -> str:
        return ",".join(value)

    @abstractmethod
    def _item(self, item: object) -> str:
        """Read one of the texts; raises ValueError as :meth:`parse` does."""


class Tokens(_Several):
    """Bearer tokens. No text about them ever shows one."""

    metavar = "TOKEN"
    allowed = "tokens of printable ASCII characters without spaces and commas"
    secret = True

    _TOKEN: ClassVar[re.Pattern[str]] = re.compile(r"[!-+\--~]+")

    def _item(self, item: object) -> str:
        if item == "":
            self._refuse(item, "is empty")
        if not isinstance(item, str) or not self._TOKEN.fullmatch(item):
            self._refuse(item)
        return item


class Origins(_Several):
    """Origins of web pages, written as browsers send them: lower case, no default port."""

    metavar = "ORIGIN"
    allowed = "origins such as https://app.example.com or http://localhost:3000, without a path"

    _ORIGIN: ClassVar[re.Pattern[str]] = re.compile(
        r"([a-z][a-z0-9+.-]*)://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?"
    )
    _DEFAULT_PORTS: ClassVar[dict[str, int]] = {"http": 80, "https": 443}

    def _item(self, item: object) -> str:
        if item == "*":
            self._refuse(item, "would let every web page read and drain the queues")
        if item == "null":
            self._refuse(item, "is what any sandboxed page and local file sends")
        origin = self._ORIGIN.fullmatch(item.lower()) if isinstance(item, str) else None
        if origin is None or not 1 <= int(origin[3] or 1) <= 65_535:
            self._refuse(item)
        scheme, host, port = origin.groups()
        if port is None or int(port) == self._DEFAULT_PORTS.get(scheme):
            return f"{scheme}://{host}"
        return f"{scheme}://{host}:{int(port)}"


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _integer(value: object) -> int | None:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return None
    # To Python, True is the number 1; to people it is no number.
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _shown(value: object) -> str:
    """The value on one short line; a list or a table may hold secrets, so it is not shown."""
    if not isinstance(value, str | int | float):
        return "this value"
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        return "this number"
    return text if len(text) <= 80 else f"{text[:76]}..."
