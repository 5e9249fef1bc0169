"""The names that queues may have."""

from __future__ import annotations

import re

import pytest

from zoldyq.contract.errors import InvalidQueueName
from zoldyq.contract.names import NAME_PATTERN, check_queue_name


@pytest.mark.parametrize("name", ["a", "7", "a.b-c_d:e", "A" * 128])
def test_a_name_that_follows_the_rule_is_accepted(name: str) -> None:
    check_queue_name(name)
    assert re.fullmatch(NAME_PATTERN, name)


@pytest.mark.parametrize(
    "name", ["", "A" * 129, ".a", "-a", "_a", ":a", "a b", "a/b", "a\n", "ä", "a\0", "\u0660"]
)
def test_a_name_that_breaks_the_rule_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(InvalidQueueName, match="1 to 128 characters of A-Z a-z 0-9"):
        check_queue_name(name)
