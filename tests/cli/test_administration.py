"""``zoldyq purge`` and ``zoldyq delete``."""

from __future__ import annotations

import json

import pytest

from tests.cli.runner import Terminal, zoldyq


def test_scripts_are_not_asked(server, queue):
    queue.enqueue_many(range(3))
    assert zoldyq(server.url, "purge", queue.name).stdout == (
        f"dropped 3 messages of {queue.name}\n"
    )
    queue.enqueue(1)
    assert zoldyq(server.url, "delete", queue.name).stdout == (
        f"deleted {queue.name} with 1 message\n"
    )
    assert zoldyq(server.url, "delete", queue.name).returncode == 1


def test_json_for_scripts(server, queue):
    queue.enqueue_many(range(3))
    purged = json.loads(zoldyq(server.url, "purge", queue.name, "--json").stdout)
    assert purged == {"queue_name": queue.name, "purged": 3}
    deleted = json.loads(zoldyq(server.url, "delete", queue.name, "--json").stdout)
    assert deleted == {"queue_name": queue.name, "deleted": True, "dropped": 0}


@pytest.mark.parametrize(("command", "size"), [("purge", 0), ("delete", None)])
def test_a_person_is_asked(server, client, queue, command, size):
    queue.enqueue(1)
    with Terminal(server.url, command, queue.name) as terminal:
        terminal.wait_for("[y/N]")
        terminal.type("n\n")
        assert terminal.exit_code() == 1
    assert queue.stats().size == 1
    with Terminal(server.url, command, queue.name) as terminal:
        terminal.wait_for("[y/N]")
        terminal.type("y\n")
        assert terminal.exit_code() == 0
    found = client.queues().get(queue.name)
    assert (found.size if found else None) == size


@pytest.mark.parametrize("command", ["purge", "delete"])
def test_nothing_is_asked_about_a_queue_that_is_not_there(server, queue, command):
    with Terminal(server.url, command, queue.name) as terminal:
        assert terminal.exit_code() == 1
        assert "there is no such queue" in terminal.text
        assert "[y/N]" not in terminal.text


def test_the_question_says_how_much_is_lost(server, queue):
    queue.enqueue_many(range(3))
    with Terminal(server.url, "delete", queue.name) as terminal:
        terminal.wait_for(f"Drop 3 messages and delete {queue.name}? [y/N]")
        terminal.type("\n")
        assert terminal.exit_code() == 1
        assert "nothing was changed" in terminal.text


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_an_interrupt_at_the_question_changes_nothing(server, queue, key):
    queue.enqueue(1)
    with Terminal(server.url, "purge", queue.name) as terminal:
        terminal.wait_for("[y/N]")
        terminal.type(key)
        assert terminal.exit_code() == 130
    assert queue.stats().size == 1


def test_a_person_who_is_sure_is_not_asked(server, queue):
    queue.enqueue(1)
    with Terminal(server.url, "delete", queue.name, "--yes") as terminal:
        assert terminal.exit_code() == 0
        assert "[y/N]" not in terminal.text
