"""The pages tell of everything that there is: error codes, metrics, commands, classes."""

from __future__ import annotations

import inspect
import re

import click
import pytest

import zoldyq.client
from tests.contract.servers import ROOT
from tests.metrics.names import metric_names
from zoldyq.cli import exit_codes
from zoldyq.cli.main import cli
from zoldyq.client import Client, Consumer, Producer, RemoteQueue
from zoldyq.config import SETTINGS
from zoldyq.config.environment import CLIENT_VARIABLES, CONFIG_VARIABLE
from zoldyq.contract.errors import ERRORS

PAGES = ROOT / "contrib" / "docs"


def _page(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")


def _missing(names: set[str], page: str) -> set[str]:
    """The names that a page does not set in code, alone or with what they take."""
    text = _page(page)
    return {name for name in names if not re.search(rf"`[^`\n]*\b{name}\b", text)}


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_error_code_has_its_row(code: str) -> None:
    status = ERRORS[code].status
    assert re.search(rf"^\| {status} \| `{code}` \| .+ \| .+ \|$", _page("api.md"), re.MULTILINE)


def test_there_are_no_rows_for_other_codes() -> None:
    codes = re.findall(r"^\| \d{3} \| `(\w+)` \|", _page("api.md"), re.MULTILINE)
    assert sorted(codes) == sorted(ERRORS)


def test_every_metric_is_told_of() -> None:
    assert not _missing(metric_names(), "operations.md")


def test_every_setting_that_the_pages_name_exists() -> None:
    known = {setting.variable for setting in SETTINGS} | {CONFIG_VARIABLE, *CLIENT_VARIABLES}
    known.add("ZOLDYQ_TOKENS")  # the example of one that does not
    for page in PAGES.glob("*.md"):
        named = set(re.findall(r"(?<!_)ZOLDYQ_[A-Z_]+", page.read_text(encoding="utf-8")))
        assert named <= known, page.name


def _options(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def test_every_command_and_its_options_are_told_of() -> None:
    text = _page("cli.md")
    for name, command in cli.commands.items():
        assert f"zoldyq {name}" in text, name
        if name != "serve":
            flags = {option for option in _options(command) if option.startswith("--")}
            assert not {flag for flag in flags if f"`{flag}" not in text}, name


def test_every_exit_code_has_its_row() -> None:
    codes = {value for value in vars(exit_codes).values() if isinstance(value, int)} | {0}
    shown = re.findall(r"^\| (\d+) \|", _page("cli.md"), re.MULTILINE)
    assert sorted(map(int, shown)) == sorted(codes)


def test_the_whole_client_is_told_of() -> None:
    assert not _missing(set(zoldyq.client.__all__), "client.md")
    for kind in (Client, RemoteQueue, Producer, Consumer):
        methods = {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}
        assert not _missing(methods, "client.md"), kind
