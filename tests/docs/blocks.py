"""The code blocks of a Markdown document, and what a comment in front of one says about it.

``<!-- not run: reason -->`` marks what no test can run, and ``<!-- server -->`` what starts a
server for the blocks after it. A block in JSON or plain text is what the one before it prints.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

#: Languages that are run, and those that show what was printed.
RUN = frozenset({"sh", "python", "javascript", "toml"})
SHOWN = frozenset({"json", "text"})

_FENCE = re.compile(r"```(\w*)$")
_COMMENT = re.compile(r"<!-- (not run|server)(?:: *(.*?))? *-->$")


class UnusableBlock(AssertionError):
    """A block that nothing can be done with, although its document does not say so."""


class Role(enum.Enum):
    """What is to be done with a block."""

    RUN = "run it to its end"
    SERVE = "start it, and have it serve what follows"
    COMPARE = "compare it with what the block before it printed"
    PASS_OVER = "do nothing, as its document says why"


class Block(NamedTuple):
    """A fenced block; ``where`` is its document and line."""

    where: str
    language: str
    text: str
    role: Role


def read_blocks(document: Path) -> list[Block]:
    """Return the blocks of a document, in order.

    Raises:
        UnusableBlock: one can neither be run nor compared, and no reason is given.
    """
    return list(_blocks(document.name, document.read_text(encoding="utf-8").splitlines()))


def _blocks(name: str, lines: list[str]) -> Iterator[Block]:
    before: Block | None = None
    comment = ""
    numbered = iter(enumerate(lines, start=1))
    for number, line in numbered:
        where = f"{name}:{number}"
        if line.lstrip().startswith("```"):
            opened = _FENCE.match(line)
            if opened is None:
                raise UnusableBlock(f"{where}: write the fence as ``` and a language, not indented")
            text = "\n".join(_rest_of_block(where, numbered))
            role = _role(where, opened[1], comment, before)
            before = Block(where, opened[1], text, role)
            yield before
        if line:
            comment = line


def _rest_of_block(where: str, numbered: Iterator[tuple[int, str]]) -> Iterator[str]:
    for _, line in numbered:
        if line == "```":
            return
        yield line
    raise UnusableBlock(f"{where}: the block has no end")


def _role(where: str, language: str, comment: str, before: Block | None) -> Role:
    marked = _COMMENT.match(comment)
    if marked is not None and marked[1] == "not run":
        if not marked[2]:
            raise UnusableBlock(f"{where}: say why it is not run: <!-- not run: reason -->")
        return Role.PASS_OVER
    if marked is not None and language in ("sh", "python"):
        return Role.SERVE
    if language in RUN:
        return Role.RUN
    if language in SHOWN and before is not None and before.role is Role.RUN:
        return Role.COMPARE
    raise UnusableBlock(
        f"{where}: a block of {language or 'no language'} can neither be run nor compared with "
        "one before it: put <!-- not run: reason --> in front of it"
    )
