"""``python -m zoldyq``."""

from __future__ import annotations

import subprocess
import sys

from tests.contract.servers import ROOT
from tests.helpers import LIMIT
from zoldyq import __version__


def test_the_package_runs_as_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zoldyq", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT,
    )
    assert done.stdout == f"zoldyq {__version__}\n"
