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
    near = difflib.get_close_matches(_plain(word), spellings, n=1, cutoff=_SIMILARITY)
    return spellings[near[0]] if near else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
