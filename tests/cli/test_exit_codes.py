"""Exit codes that scripts can rely on."""

from __future__ import annotations

import re

import pytest

from zoldyq.cli import exit_codes
from zoldyq.cli.exit_codes import HELP, exit_code_of


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("queue_full", 1),
        ("unauthorized", 1),
        ("anything_else", 1),
        ("invalid_setting", 2),
        ("invalid_url", 2),
        ("connection_failed", 4),
        ("connection_lost", 4),
    ],
)
def test_an_error_has_the_exit_code_of_its_kind(code: str, expected: int) -> None:
    assert exit_code_of(code) == expected


def test_the_help_names_every_exit_code() -> None:
    codes = {value for value in vars(exit_codes).values() if isinstance(value, int)}
    assert codes <= {int(number) for number in re.findall(r"\d+", HELP)}
