"""Patterns of queue names."""

from __future__ import annotations

import pytest

from zoldyq.contract.patterns import InvalidPattern, NamePattern


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("emails", ["emails"], ["email", "emails2", "EMAILS"]),
        ("mail.*", ["mail.", "mail.a", "mail.a.b"], ["mail", "mailxa", "a.mail.b"]),
        ("*", ["a", "a" * 128], []),
        ("job-?", ["job-1"], ["job-", "job-12"]),
        ("*.retry", [".retry", "a.retry"], ["a.retry2"]),
        ("?*:high", ["a:high", "ab:high"], [":high"]),
    ],
)
def test_what_a_pattern_matches(pattern, matching, others):
    found = NamePattern(pattern)
    assert [name for name in matching + others if found.matches(name)] == matching


@pytest.mark.parametrize(
    "text", ["", "a b", "[ab]", "é", "-a", ".x", "a/b", "a\n", "a" * 129, "?" * 129]
)
def test_a_pattern_that_no_name_can_match_is_a_mistake(text):
    with pytest.raises(InvalidPattern, match="matches no queue name"):
        NamePattern(text)


def test_a_name_of_the_full_length_may_have_stars_besides():
    assert NamePattern("a" * 128 + "***").matches("a" * 128)


def test_plain_names_and_patterns_are_told_apart():
    assert NamePattern("a.b").plain
    assert not NamePattern("a.?").plain


def test_many_stars_take_no_time():
    assert not NamePattern("*a" * 60).matches("a" * 59 + "b" * 60)
