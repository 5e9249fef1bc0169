"""Sizes and durations, as plain numbers or with a unit.

Units of size are those of Kubernetes and of the SI: ``K``, ``M``, ``G`` are powers of 1,000 and
``Ki``, ``Mi``, ``Gi`` powers of 1,024. A ``B`` may follow, and the case does not matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from zoldyq.config.kinds import Kind, integer, number


@dataclass(frozen=True)
class Seconds(Kind[float]):
    """A duration from ``low`` to ``high`` seconds, with or without a unit such as ``ms``."""

    low: float
    high: float = 86_400

    metavar = "SECONDS"

    _UNITS: ClassVar[dict[str, float]] = {"ms": 1e-3, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
    _DURATION: ClassVar[re.Pattern[str]] = re.compile(
        r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|[smhd])\s*", re.IGNORECASE
    )

    @property
    def bounds(self) -> str:
        return f"{_plain(self.low)} to {_plain(self.high)} seconds"

    @property
    def allowed(self) -> str:
        return f"a number from {self.bounds}, or a duration such as 500ms, 5s, 10m or 2h"

    def parse(self, value: object) -> float:
        amount, factor = value, 1.0
        if isinstance(value, str) and (duration := self._DURATION.fullmatch(value)):
            amount, factor = duration[1], self._UNITS[duration[2].lower()]
        seconds = number(amount)
        # A NaN lies within no bounds.
        if seconds is None or not self.low <= seconds * factor <= self.high:
            self.refuse(value)
        return seconds * factor

    def show(self, value: float) -> str:
        return _plain(value)


@dataclass(frozen=True)
class Bytes(Kind[int]):
    """A number of bytes from ``low`` to ``high``, with or without a unit such as ``MiB``."""

    low: int
    high: int

    metavar = "SIZE"

    _UNITS: ClassVar[dict[str, int]] = {
        "ki": 1 << 10,
        "mi": 1 << 20,
        "gi": 1 << 30,
        "ti": 1 << 40,
        "k": 10**3,
        "m": 10**6,
        "g": 10**9,
        "t": 10**12,
    }
    _SIZE: ClassVar[re.Pattern[str]] = re.compile(r"\s*([0-9_]+)\s*([kmgt]i?)b?\s*", re.IGNORECASE)

    @property
    def bounds(self) -> str:
        return f"{self.show(self.low)} to {self.show(self.high)}"

    @property
    def allowed(self) -> str:
        return f"bytes from {self.bounds}, as a number or with a unit (512M, 512Mi, 2G, 2GiB)"

    def parse(self, value: object) -> int:
        amount, factor = value, 1
        if isinstance(value, str) and (size := self._SIZE.fullmatch(value)):
            amount, factor = size[1], self._UNITS[size[2].lower()]
        count = integer(amount)
        if count is None or not self.low <= count * factor <= self.high:
            self.refuse(value)
        return count * factor

    def show(self, value: int) -> str:
        for suffix, factor in (
            ("TiB", 1 << 40),
            ("GiB", 1 << 30),
            ("MiB", 1 << 20),
            ("KiB", 1 << 10),
        ):
            if value and value % factor == 0:
                return f"{value // factor}{suffix}"
        return str(value)


def _plain(value: float) -> str:
    """Write a number without an exponent and without zeros behind the point."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
