"""The setting that a mistyped name was probably meant for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from zoldyq.config.setting import PREFIX, Setting

_SIMILARITY = 0.75


def nearest_setting(settings: Iterable[Setting], word: str) -> Setting | None:
    """Return the setting that has a name most like ``word``; None if none is like it."""
    spellings: dict[str, Setting] = {}
    for each in settings:
        names = (each.name, each.flag.removeprefix("--"), each.variable.removeprefix(PREFIX))
        spellings.update({_plain(name): each for name in names})
    near = nearest_word(spellings, _plain(word))
    return None if near is None else spellings[near]


def nearest_word(known: Iterable[str], word: str) -> str | None:
    """Return the known word most like another one; None if none is like it."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=_SIMILARITY)
    return near[0] if near else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
