"""What the documents tell people to type does what the documents say."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.contract.servers import ROOT
from tests.docs.blocks import read_blocks
from tests.docs.reader import Reader

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "contrib" / "docs").glob("*.md"))]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_block_does_what_its_document_says(
    document: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = read_blocks(document)
    if any(block.language == "sh" for block in blocks) and shutil.which("curl") is None:
        pytest.skip("the documents use curl, which is not installed")
    with Reader(tmp_path) as reader:
        monkeypatch.chdir(tmp_path / "work")
        reader.follow_all(blocks)
    if reader.missing:
        pytest.skip(f"some blocks of {document.name} need {reader.missing}; the others are right")
