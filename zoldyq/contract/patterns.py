"""Patterns of queue names: ``*`` stands for any characters, also none, and ``?`` for one."""

from __future__ import annotations

import fnmatch
import re

#: The longest name of a queue.
_LONGEST_NAME = 128

# What a queue's name consists of, with the two signs that stand for characters of it.
_PATTERN = re.compile(r"[A-Za-z0-9*?][A-Za-z0-9._:*?-]*", re.ASCII)
_SIGNS = frozenset("*?")


class InvalidPattern(ValueError):
    """No queue name can match this; the text says why."""


class NamePattern:
    """A pattern, or a plain name, which matches itself alone.

    Raises:
        InvalidPattern: no queue name can match it.
    """

    def __init__(self, text: str) -> None:
        if not _PATTERN.fullmatch(text) or len(text.replace("*", "")) > _LONGEST_NAME:
            raise InvalidPattern(
                f"{text!r} matches no queue name: names have 1 to {_LONGEST_NAME} characters of "
                "A-Z a-z 0-9 . _ : - and begin with a letter or digit; in a pattern * stands for "
                "any characters and ? for one"
            )
        self.text = text
        # fnmatch's expression takes no more than quadratic time, however many stars there are.
        self._matches = re.compile(fnmatch.translate(text)).fullmatch

    @property
    def plain(self) -> bool:
        """Whether this is a name and no pattern."""
        return _SIGNS.isdisjoint(self.text)

    def matches(self, name: str) -> bool:
        """Tell whether the pattern stands for this queue name."""
        return self._matches(name) is not None

    def __repr__(self) -> str:
        return f"NamePattern({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamePattern) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)
