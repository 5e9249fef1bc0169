"""The queues that the settings ask for, and the thread that keeps them in order."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import pytest

from tests.helpers import wait_until
from zoldyq.config import Settings
from zoldyq.contract.errors import QueueNotFound
from zoldyq.contract.policy import Policy
from zoldyq.queue import QueueManager
from zoldyq.server.housekeeping import Housekeeper, make_queues

FILE = """
auto_create = false

[queues.emails]
capacity = 5

[queues."metrics.*"]
ttl_seconds = 60
overflow = "drop_oldest"
"""


def test_the_queues_are_those_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "zoldyq.toml"
    file.write_text(FILE)
    queues = make_queues(Settings.load({"default_queue_max_bytes": 2048}, {}, file))
    assert [name for name, _ in queues.all_stats()] == ["emails"]
    assert queues.create("emails").policy == Policy(capacity=5, max_bytes=2048)
    assert queues.create("metrics.cpu").policy == Policy(
        max_bytes=2048, ttl_seconds=60, overflow="drop_oldest"
    )
    with pytest.raises(QueueNotFound):
        queues.enqueue("mistyped", b"1")


def housekeepers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "zoldyq-housekeeper"]


def test_messages_expire_though_nobody_asks() -> None:
    queues = QueueManager()
    queues.create("q", ttl_seconds=0.01)
    queues.enqueue("q", b"1")
    housekeeper = Housekeeper(queues)
    before = len(housekeepers())
    housekeeper.ensure()
    housekeeper.ensure()
    assert len(housekeepers()) == before + 1
    wait_until(lambda: queues.bytes_held == 0)


def test_the_thread_ends_with_the_queues() -> None:
    before = set(housekeepers())
    queues = QueueManager()
    Housekeeper(queues).ensure()
    (thread,) = set(housekeepers()) - before
    del queues

    def ended() -> bool:
        gc.collect()  # the thread may hold the queues for a moment, and they are a cycle
        return not thread.is_alive()

    wait_until(ended)


def test_a_bad_round_does_not_end_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    queues, rounds = QueueManager(), []

    def keep_house(_self: QueueManager) -> None:
        rounds.append(None)
        raise MemoryError

    monkeypatch.setattr(QueueManager, "keep_house", keep_house)
    Housekeeper(queues).ensure()
    wait_until(lambda: len(rounds) >= 2)
