"""``zoldyq help``."""

from __future__ import annotations

import pytest

from tests.cli.runner import in_shell, zoldyq
from zoldyq.cli.main import cli

TOPICS = ["exit-codes", "profiles", "queues-and-policies", "settings", "templates", "units"]


def test_without_a_topic_all_commands_and_topics_are_listed():
    text = zoldyq("", "help").stdout
    assert zoldyq("", "--help").stdout.strip() in text
    assert all(topic in text for topic in TOPICS)


@pytest.mark.parametrize("topic", TOPICS)
def test_topics_are_explained_in_lines_that_fit(topic):
    done = zoldyq("", "help", topic)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) > 3


def test_every_command_is_explained_as_by_its_own_option():
    for name in cli.commands:
        if name != "help":
            assert zoldyq("", "help", name).stdout.strip() == (
                zoldyq("", name, "--help").stdout.strip()
            )


def test_what_nothing_is_known_of_is_wrong_usage():
    done = zoldyq("", "help", "nosuch")
    assert (done.returncode, done.stdout) == (2, "")
    assert "topics are exit-codes" in done.stderr


@pytest.mark.parametrize("command", ["--help", "--version", "queues --help", "help"])
def test_a_full_disk_under_the_help_is_told_in_one_line(command):
    done = in_shell("", f"zoldyq {command} >/dev/full")
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("zoldyq: ")
    assert line.endswith("No space left on device")
