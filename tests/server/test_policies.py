"""Policies of new queues that are read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoldyq.config import Settings
from zoldyq.contract.errors import InvalidSetting, MaxQueuesReached
from zoldyq.queue import QueueManager
from zoldyq.server.housekeeping import make_queues
from zoldyq.server.policies import Policies

BEFORE = """
default_queue_capacity = 10
max_queues = 3
[queues.kept]
capacity = 1
[queues.gone]
[queues."a.*"]
capacity = 2
"""


class File:
    """A settings file, and what reads it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._path.write_text(BEFORE)
        self.policies = Policies(self.load(), self.load)
        self.queues: QueueManager = make_queues(self.load(), self.policies)

    def load(self) -> Settings:
        return Settings.load({}, {}, self._path)

    def change(self, old: str, new: str) -> str:
        """Change the text, read it again, and return what is told of it."""
        text = self._path.read_text()
        assert old in text
        self._path.write_text(text.replace(old, new))
        return self.policies.read_again(self.queues.create)

    def capacity(self, name: str) -> int:
        """The capacity with which a queue of this name begins."""
        return self.policies.policy_of(name).capacity


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "zoldyq.toml")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("", "", "nothing has changed"),
        ("= 10", "= 11", "changed are default_queue_capacity"),
        ("= 2", "= 3", "changed are [queues.a.*]"),
        ("[queues.gone]", "", "changed are [queues.gone]"),
        ("= 3\n", "= 4\n", "max_queues will hold after a restart"),
        (
            "= 10",
            "= 9\nport = 1",
            "changed are default_queue_capacity; port will hold after a restart",
        ),
        ("[queues.gone]", '[queues.gone]\n[queues."b*"]', "changed are [queues.b*]"),
    ],
)
def test_one_line_tells_what_has_changed(file: File, old: str, new: str, told: str) -> None:
    assert file.change(old, new) == told


def test_another_order_of_patterns_is_a_change(file: File) -> None:
    first, second = '[queues."a.*"]\ncapacity = 2\n', '[queues."*.b"]\ncapacity = 7\n'
    file.change(first, first + second)
    assert file.capacity("a.b") == 2
    assert file.change(first + second, second + first).startswith("changed are [queues.")
    assert file.capacity("a.b") == 7


def test_queues_that_are_created_from_now_on_have_the_new_policy(file: File) -> None:
    file.change("capacity = 2", "capacity = 5")
    file.queues.enqueue("a.x", b"1")
    assert file.queues.stats("a.x").capacity == 5


def test_queues_that_are_there_stay_as_they_are(file: File) -> None:
    file.change("capacity = 1\n", "capacity = 8\n")
    assert file.queues.stats("kept").capacity == 1
    file.queues.delete("kept")
    file.queues.create("kept")
    assert file.queues.stats("kept").capacity == 8


def test_a_queue_that_is_declared_now_is_created_and_one_that_was_deleted_is_not(
    file: File,
) -> None:
    file.queues.delete("gone")
    file.change("[queues.kept]", "[queues.new]\n[queues.kept]")
    assert {name for name, _ in file.queues.all_stats()} == {"kept", "new"}


@pytest.mark.parametrize(
    ("old", "new"), [("capacity = 2", "capacity = -2"), ("[queues.gone]", "[queues.gone")]
)
def test_a_mistake_changes_nothing(file: File, old: str, new: str) -> None:
    with pytest.raises(InvalidSetting, match=r"zoldyq\.toml"):
        file.change(old, new)
    assert file.capacity("a.x") == 2
    assert file.change(new, old) == "nothing has changed"


def test_a_queue_that_finds_no_room_leaves_everything_as_it_was(file: File) -> None:
    file.queues.enqueue("third", b"1")
    with pytest.raises(MaxQueuesReached):
        file.change("[queues.gone]", "[queues.new]")
    assert file.policies.declared == ("kept", "gone")
