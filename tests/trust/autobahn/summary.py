"""What is kept of a run of the Autobahn test suite: every group's results, and each exception."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from zoldyq import __version__

#: The suite's groups of cases.
GROUPS = {
    1: "Framing",
    2: "Pings and pongs",
    3: "Reserved bits",
    4: "Opcodes",
    5: "Fragmentation",
    6: "UTF-8 handling",
    7: "Close handling",
    9: "Limits and performance",
    10: "Automatic fragmentation",
    12: "Compression, different payloads",
    13: "Compression, different parameters",
}
#: Compression is never negotiated, so there is nothing that these could try.
COMPRESSION = (12, 13)

OK, INFORMATIONAL, UNIMPLEMENTED = "OK", "INFORMATIONAL", "UNIMPLEMENTED"


def summarise(index: Mapping[str, Mapping[str, Any]], suite: str, day: date) -> dict[str, Any]:
    """Sum up the suite's index of cases.

    What the suite passes, but not strictly, counts as failed.
    """
    groups: dict[int, Counter[str]] = {group: Counter() for group in GROUPS}
    failed, informational = {}, {}
    for case in sorted(index, key=_in_order):
        result = index[case]
        groups[_group(case)][result["behavior"]] += 1
        if not _went_well(case, result):
            failed[case] = f"{result['behavior']}, closing {result['behaviorClose']}"
        elif result["behavior"] == INFORMATIONAL:
            informational[case] = f"closed with {result['remoteCloseCode']}"
    return {
        "suite": suite,
        "zoldyq": __version__,
        "python": platform.python_version(),
        "date": day.isoformat(),
        "groups": {str(group): counts for group, counts in groups.items() if counts},
        "failed": failed,
        "informational": informational,
    }


def as_markdown(document: Mapping[str, Any]) -> str:
    """Return a summary as a page of text."""
    lines = [
        "# WebSocket conformance",
        "",
        "{suite} against ZoldyQ {zoldyq} on Python {python}, {date}.".format_map(document),
        "",
        "| group | cases | passed | informational | unimplemented | failed |",
        "|---|---|---|---|---|---|",
        *(_row(int(group), counts) for group, counts in document["groups"].items()),
        "",
        "Unimplemented are the cases of compression: permessage-deflate is never negotiated.",
    ]
    for title, cases in (
        ("Informational (there is no right or wrong):", document["informational"]),
        ("Failed:", document["failed"]),
    ):
        if cases:
            lines += ["", title, "", *(f"- {case}: {what}" for case, what in cases.items())]
    return "\n".join(lines)


def write(document: Mapping[str, Any], folder: Path) -> None:
    """Write a summary into a folder, as JSON and as a page of text."""
    text = json.dumps(document, indent=1) + "\n"
    (folder / "summary.json").write_text(text, encoding="utf-8")
    (folder / "summary.md").write_text(as_markdown(document) + "\n", encoding="utf-8")


def _row(group: int, counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    known = [counts.get(behavior, 0) for behavior in (OK, INFORMATIONAL, UNIMPLEMENTED)]
    cells = [f"{group} {GROUPS[group]}", total, *known, total - sum(known)]
    return f"| {' | '.join(map(str, cells))} |"


def _went_well(case: str, result: Mapping[str, Any]) -> bool:
    if result["behavior"] == UNIMPLEMENTED:
        return _group(case) in COMPRESSION
    return {result["behavior"], result["behaviorClose"]} <= {OK, INFORMATIONAL}


def _group(case: str) -> int:
    return _in_order(case)[0]


def _in_order(case: str) -> tuple[int, ...]:
    return tuple(map(int, case.split(".")))
