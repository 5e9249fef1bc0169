"""``zoldyq move``."""

from __future__ import annotations

import json

from tests.cli.runner import zoldyq


def test_messages_are_moved_and_counted(server, client, queue):
    queue.enqueue_many(range(5))
    to = f"{queue.name}-to"
    done = zoldyq(server.url, "move", queue.name, to, "--count", "2")
    assert (done.returncode, done.stdout) == (0, f"moved 2 messages from {queue.name} to {to}\n")
    moved = json.loads(zoldyq(server.url, "move", queue.name, to, "--json").stdout)
    assert moved == {"queue_name": queue.name, "to": to, "moved": 3}
    assert [message.payload for message in client.queue(to).dequeue_many(10)] == list(range(5))


def test_what_cannot_be_moved_is_told(server, queue):
    done = zoldyq(server.url, "move", queue.name, f"{queue.name}-to")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no such queue" in done.stderr
