"""What ``import zoldyq`` costs and offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import zoldyq
from zoldyq.client import Client


def test_the_client_comes_from_the_package_itself():
    assert zoldyq.Client is Client
    with pytest.raises(AttributeError, match="Cleint"):
        zoldyq.Cleint  # noqa: B018 - asking is all there is to do


def test_importing_the_package_loads_no_client():
    code = "import sys, zoldyq; zoldyq.__version__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.split()
    assert not {"zoldyq.client", "urllib3", "msgspec"} & set(loaded)
