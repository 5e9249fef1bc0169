"""Links between documents, and to files beside them, lead somewhere and leave nothing out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.servers import ROOT
from tests.docs.links import anchors, linked_files, relative_links

PAGES = sorted((ROOT / "contrib" / "docs").glob("*.md"))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *PAGES, ROOT / "benchmarks" / "README.md"]
_FOLDERS = ("caddy", "docs", "examples", "grafana", "kubernetes", "nginx", "prometheus", "systemd")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_files_of_the_repository_lead_somewhere(document: Path) -> None:
    for target, anchor in linked_files(document):
        assert target.exists(), target
        assert not anchor or anchor in anchors(target), f"{target}#{anchor}"


def test_the_readme_has_no_link_that_breaks_on_a_package_index() -> None:
    assert relative_links(ROOT / "README.md") == []


def test_a_relative_link_is_found_inline_and_in_a_definition(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("[a](b/c.md) [d](#e) [f](https://g/h)\n\n[i]: j/k.png\n")
    assert relative_links(document) == ["b/c.md", "j/k.png"]


def test_every_page_can_be_reached_from_the_front_door() -> None:
    assert set(PAGES) <= {target for target, _ in linked_files(ROOT / "README.md")}


def test_every_file_that_comes_along_is_linked() -> None:
    linked = {target for page in [ROOT / "README.md", *PAGES] for target, _ in linked_files(page)}
    folders = [ROOT / "contrib", *(ROOT / "contrib" / name for name in _FOLDERS)]
    files = {file for folder in folders for file in folder.iterdir() if file.is_file()}
    assert files - linked == set()
