"""The systemd unit."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.contrib.programs import CONTRIB, run, tool
from zoldyq.config import Settings

UNIT = (CONTRIB / "systemd" / "zoldyq.service").read_text(encoding="utf-8")
#: Exposure out of 100 that systemd-analyze may find; of other network services it finds over 50.
EXPOSURE = 15


def values_of(directive: str) -> list[str]:
    return re.findall(rf"^{directive}=(.*)$", UNIT, re.MULTILINE)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is there on this machine."""
    program = values_of("ExecStart")[0].split()[0]
    assert program == "/opt/zoldyq/bin/zoldyq"
    path = tmp_path / "zoldyq.service"
    path.write_text(UNIT.replace(f"ExecStart={program}", "ExecStart=/bin/true"))
    return path


def test_systemd_finds_no_fault(unit: Path) -> None:
    assert run(tool("systemd-analyze", "systemd"), "verify", "--man=no", unit) == ""


def test_systemd_finds_it_hardened(unit: Path) -> None:
    analyze = tool("systemd-analyze", "systemd")
    run(analyze, "security", "--offline=true", f"--threshold={EXPOSURE}", unit)


def test_a_reload_is_the_signal_that_the_server_knows() -> None:
    assert values_of("ExecReload") == ["/bin/kill -HUP $MAINPID"]


def test_it_fits_the_settings() -> None:
    settings = Settings()
    assert int(values_of("LimitNOFILE")[0]) > settings.max_connections
    # Sessions and connections have five seconds each to end.
    assert int(values_of("TimeoutStopSec")[0]) > settings.drain_seconds + 10
    gibibytes = int(values_of("MemoryMax")[0].removesuffix("G"))
    assert gibibytes << 30 > 1.5 * settings.max_bytes
    given = dict(value.split("=") for value in values_of("Environment"))
    assert Settings.environment_warnings(given) == ()
    assert Settings.load(environ=given).host == "127.0.0.1"
