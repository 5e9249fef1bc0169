"""The setting that a mistyped name was probably meant for."""

from __future__ import annotations

import pytest

from zoldyq.config import SETTINGS
from zoldyq.config.nearest import nearest_setting, nearest_word


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("TOKENS", "tokens"),
        ("max-queue", "max_queues"),
        ("prot", "port"),
        ("drain_second", "drain_seconds"),
    ],
)
def test_a_mistyped_setting_is_recognised(typed: str, meant: str) -> None:
    found = nearest_setting(SETTINGS, typed)
    assert found is not None
    assert found.name == meant


def test_a_word_like_nothing_that_is_known_gives_none() -> None:
    assert nearest_setting(SETTINGS, "colour_of_the_sky") is None
    assert nearest_word(["queue", "peek"], "xyzzy") is None


def test_the_most_similar_word_is_chosen() -> None:
    assert nearest_word(["dequeue", "enqueue", "peek"], "enqeue") == "enqueue"
