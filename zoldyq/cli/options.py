"""Types of options: sizes and durations are written as in the settings."""

from __future__ import annotations

from typing import Any

import click

from zoldyq.config.kinds import Kind
from zoldyq.config.units import Bytes, Seconds


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


SIZE = KindType(Bytes(2, 1 << 30))
DURATION = KindType(Seconds(0, 31 * 86_400))
