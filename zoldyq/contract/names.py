"""The names that queues may have."""

from __future__ import annotations

import re

from zoldyq.contract.errors import InvalidQueueName

#: The rule as a regular expression without anchors, in the dialect that Python, ECMAScript and
#: JSON Schema share.
NAME_PATTERN = "[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"

_NAME = re.compile(NAME_PATTERN, re.ASCII)


def check_queue_name(name: str) -> None:
    """Accept a queue's name, or say what is wrong with it.

    Raises:
        InvalidQueueName: the name is not 1 to 128 characters of ``A-Z a-z 0-9 . _ : -``
            beginning with a letter or digit.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidQueueName(
            "a queue's name has 1 to 128 characters of A-Z a-z 0-9 . _ : - and begins with a "
            "letter or digit"
        )
