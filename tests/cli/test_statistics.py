"""``zoldyq queues`` and ``zoldyq stats``."""

from __future__ import annotations

import json

from tests.cli.runner import Terminal, zoldyq


def test_a_table_of_all_queues(start_server):
    url = start_server().url
    assert zoldyq(url, "queues").stdout == "no queues\n"
    zoldyq(url, "enqueue", "emails", stdin="1\n2\n3\n")
    zoldyq(url, "enqueue", "a-queue-with-a-long-name", "1")
    zoldyq(url, "dequeue", "emails")
    header, first, second = zoldyq(url, "queues").stdout.splitlines()
    assert header.split()[:4] == ["QUEUE", "SIZE", "CAPACITY", "FILLED"]
    assert first.split()[:4] == ["a-queue-with-a-long-name", "1", "100,000", "0%"]
    assert second.split()[:3] == ["emails", "2", "100,000"]
    assert second.split()[-3:] == ["3", "1", "0"]
    assert header.index("SIZE") + 4 == first.index(" 1 ") + 2


def test_a_terminal_is_not_too_narrow(start_server):
    url = start_server().url
    zoldyq(url, "enqueue", "a" * 128, "1")
    with Terminal(url, "queues", columns=80) as terminal:
        assert terminal.exit_code() == 0
        header, row = [line.rstrip() for line in terminal.lines]
    assert len(header) == len(row) == 80
    assert len(row.split()) == 9


def test_json_of_all_queues(server, queue):
    queue.enqueue_many(range(3))
    found = json.loads(zoldyq(server.url, "queues", "--json").stdout)
    assert found[queue.name]["size"] == 3


def test_one_queue(server, queue):
    queue.enqueue_many(range(3))
    lines = zoldyq(server.url, "stats", queue.name).stdout.splitlines()
    assert dict(line.split() for line in lines)["size"] == "3"
    found = json.loads(zoldyq(server.url, "stats", queue.name, "--json").stdout)
    assert (found["queue_name"], found["size"]) == (queue.name, 3)


def test_a_queue_that_is_not_there(server, queue):
    done = zoldyq(server.url, "stats", queue.name)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("zoldyq: there is no such queue")
