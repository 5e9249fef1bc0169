"""Programs that the files of contrib are for, or consist of."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.contract.servers import ROOT
from tests.helpers import LIMIT

CONTRIB = ROOT / "contrib"
EXAMPLES = CONTRIB / "examples"


def tool(name: str, package: str) -> str:
    """The path of a program; where it is not installed the test is skipped."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"needs {name} (Debian: {package})")
    return path


def run(*command: object) -> str:
    """Run a program to its end, which has to be a good one; return all that it printed."""
    done = subprocess.run(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
