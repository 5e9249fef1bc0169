from __future__ import annotations

import logging
from typing import Any, cast
from unittest.mock import create_autospec

import pytest

from zoldyq.config import Settings
from zoldyq.queue import QueueManager
from zoldyq.server.native.server import NativeServer
from zoldyq.server.run import reload, shut_down
from zoldyq.server.wsgi.app import create_app


def lines_at_the_end_of(sizes: dict[str, int], caplog: pytest.LogCaptureFixture) -> list[str]:
    """What a server says that stops with so many messages in its queues."""
    manager = QueueManager(max_queues=30_000)
    for name, size in sizes.items():
        manager.enqueue_many(name, [b"1"] * size)
    server = cast(Any, create_autospec(NativeServer, instance=True))
    with caplog.at_level(logging.WARNING, "zoldyq"):
        shut_down(server, create_app(Settings(), manager), manager, drain_seconds=0)
    return [record.getMessage() for record in caplog.records]


def test_a_few_queues_are_named_with_the_messages_that_they_lost(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert lines_at_the_end_of({"a": 1, "b": 3}, caplog) == [
        "dropped 3 messages of queue b",
        "dropped 1 messages of queue a",
    ]


def test_of_many_queues_the_largest_are_named_and_the_others_summed_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sizes = {f"small-{n}": 2 for n in range(2_000)} | {f"large-{n}": 100 + n for n in range(10)}
    lines = lines_at_the_end_of(sizes, caplog)
    assert lines[0] == "dropped 109 messages of queue large-9"
    assert lines[-1] == "dropped 4000 messages of 2000 other queues"
    assert len(lines) == 11


def test_a_reload_that_fails_as_nobody_expected_ends_no_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> str:
        raise TypeError("unhashable type: 'list'")

    with caplog.at_level(logging.INFO, "zoldyq"):
        reload({"tokens": fail, "certificates": lambda: None})
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "the tokens stay as they were; please report this",
        "the certificates were read again",
    ]
