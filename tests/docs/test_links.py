"""Links between documents, and to files beside them, lead somewhere and leave nothing out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.servers import ROOT
from tests.docs.links import anchors, relative_links

PAGES = sorted((ROOT / "contrib" / "docs").glob("*.md"))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *PAGES, ROOT / "benchmarks" / "README.md"]
_FOLDERS = ("caddy", "docs", "examples", "grafana", "kubernetes", "nginx", "prometheus", "systemd")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    for target, anchor in relative_links(document):
        assert target.exists(), target
        assert not anchor or anchor in anchors(target), f"{target}#{anchor}"


def test_every_page_can_be_reached_from_the_front_door() -> None:
    assert set(PAGES) <= {target for target, _ in relative_links(ROOT / "README.md")}


def test_every_file_that_comes_along_is_linked() -> None:
    linked = {target for page in [ROOT / "README.md", *PAGES] for target, _ in relative_links(page)}
    folders = [ROOT / "contrib", *(ROOT / "contrib" / name for name in _FOLDERS)]
    files = {file for folder in folders for file in folder.iterdir() if file.is_file()}
    assert files - linked == set()
