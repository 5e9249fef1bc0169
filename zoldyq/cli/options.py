"""Types of options: sizes and durations as in the settings, and files to read."""

from __future__ import annotations

import sys
from typing import IO, Any

import click

from zoldyq.config.kinds import Kind
from zoldyq.config.units import Bytes, Seconds
from zoldyq.contract.policy import MAX_SECONDS


class KindType(click.ParamType[Any]):
    """An option whose values a kind of setting reads."""

    def __init__(self, kind: Kind[Any]) -> None:
        self._kind = kind
        self.name = kind.metavar

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value that the text stands for."""
        try:
            return self._kind.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """Return what stands for the value in the help."""
        return self._kind.metavar


class InputFile(click.File):
    """A file to read bytes from, or ``-`` for standard input."""

    def __init__(self) -> None:
        super().__init__("rb")

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> IO[Any]:
        """Return the open file."""
        if value == "-" and sys.stdin is None:
            self.fail("standard input is closed: name a file", param, ctx)
        return super().convert(value, param, ctx)


INPUT_FILE = InputFile()
SIZE = KindType(Bytes(2, 1 << 30))
DURATION = KindType(Seconds(0, 31 * 86_400))
LIFETIME = KindType(Seconds(1e-6, MAX_SECONDS))
