"""Links in Markdown documents: inline ones and definitions such as ``[name]: target``."""

from __future__ import annotations

import re
from pathlib import Path

from tests.contract.servers import ROOT

#: Where files of the repository stand on the web, for documents that are read elsewhere as well.
ON_THE_WEB = re.compile(
    r"https://(?:github\.com/zoldyq/zoldyq/(?:blob|tree)|raw\.githubusercontent\.com/zoldyq/zoldyq)"
    r"/main/"
)

_LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[\w.]+\]: (\S+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def links(document: Path) -> list[str]:
    """All links of a document, as they are written."""
    return [inline or defined for inline, defined in _LINK.findall(_prose(document))]


def relative_links(document: Path) -> list[str]:
    """The links of a document that lead nowhere when it is read in another place."""
    return [link for link in links(document) if "://" not in link and not link.startswith("#")]


def linked_files(document: Path) -> list[tuple[Path, str]]:
    """The files of the repository that a document links to, and the anchors in them, or none."""
    found = []
    for link in links(document):
        path, _, anchor = link.partition("#")
        if ON_THE_WEB.match(path):
            found.append((ROOT / ON_THE_WEB.sub("", path), anchor))
        elif "://" not in path:
            found.append(((document.parent / path).resolve() if path else document, anchor))
    return found


def anchors(document: Path) -> set[str]:
    """The names that a document's headings have for links."""
    headings = _HEADING.findall(_prose(document))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _prose(document: Path) -> str:
    return _BLOCK.sub("", document.read_text(encoding="utf-8"))
