"""Links in Markdown documents."""

from __future__ import annotations

import re
from pathlib import Path

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def relative_links(document: Path) -> list[tuple[Path, str]]:
    """The files that a document links to, and the anchors in them (empty for none)."""
    links = [link for link in _LINK.findall(_prose(document)) if "://" not in link]
    parts = [link.partition("#") for link in links]
    return [
        ((document.parent / path).resolve() if path else document, anchor)
        for path, _, anchor in parts
    ]


def anchors(document: Path) -> set[str]:
    """The names that a document's headings have for links."""
    headings = _HEADING.findall(_prose(document))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _prose(document: Path) -> str:
    return _BLOCK.sub("", document.read_text(encoding="utf-8"))
