"""The tests that documents name as proof are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@pytest.mark.parametrize("document", ["SECURITY.md", "README.md", "contrib/docs/operations.md"])
def test_every_test_that_is_named_exists(document: str) -> None:
    missing = [
        f"{file}::{name}"
        for file, name in _NAMED.findall((ROOT / document).read_text())
        if not (ROOT / file).exists() or f"def {name}(" not in (ROOT / file).read_text()
    ]
    assert not missing


def test_promises_name_their_tests() -> None:
    promises = (ROOT / "SECURITY.md").read_text().partition("| Promise |")[2]
    rows = [line for line in promises.splitlines()[2:] if line.startswith("|")]
    assert len(rows) > 10
    assert all(_NAMED.search(row) for row in rows)
