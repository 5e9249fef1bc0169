"""Nothing relies on the interpreter lock: the stress tests on an interpreter that has none."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INTERPRETER = shutil.which("python3.14t")
#: What the stress tests need. orjson is not among them: it would switch the lock on again.
NEEDED = ("pytest", "pytest_timeout", "hypothesis", "msgspec")

_CHECK = f"""
import sys
{"; ".join(f"import {module}" for module in NEEDED)}
sys.exit(sys._is_gil_enabled())
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the free-threaded interpreter, with the lock off whatever is imported."""
    assert INTERPRETER is not None
    return subprocess.run(
        [INTERPRETER, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHON_GIL": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.timeout(300)
@pytest.mark.skipif(INTERPRETER is None, reason="there is no python3.14t on the PATH")
def test_the_stress_tests_without_the_interpreter_lock() -> None:
    check = run("-c", _CHECK)
    if check.returncode:
        pytest.skip(
            f"python3.14t has not all of {', '.join(NEEDED)}: {check.stderr.strip()[-200:]}"
        )
    result = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/queue/test_stress.py")
    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout
