"""``zoldyq declare`` and ``zoldyq update``."""

from __future__ import annotations

import json

import pytest

from tests.cli.runner import zoldyq


def test_a_queue_is_declared_with_a_policy(server, queue):
    args = ("declare", queue.name, "--capacity", "500", "--max-bytes", "1Mi", "--ttl", "10m",
            "--overflow", "drop_oldest", "--idle", "1h")  # fmt: skip
    done = zoldyq(server.url, *args)
    assert (done.returncode, done.stderr) == (0, "")
    policy = (
        "capacity 500, max_bytes 1MiB, ttl_seconds 600, overflow drop_oldest, idle_seconds 3600"
    )
    assert done.stdout == f"{queue.name} created: {policy}\n"
    assert zoldyq(server.url, *args).stdout == f"{queue.name} there already: {policy}\n"
    stats = queue.stats()
    assert (stats.capacity, stats.max_bytes, stats.ttl_seconds) == (500, 1 << 20, 600)


def test_a_queue_that_differs_is_told(server, queue):
    queue.declare(capacity=5)
    done = zoldyq(server.url, "declare", queue.name, "--capacity", "6")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"zoldyq: {queue.name} exists, with capacity 5: zoldyq update changes it\n"
    )
    assert queue.stats().capacity == 5


def test_a_policy_is_changed_at_once(server, queue):
    queue.declare(capacity=5, ttl_seconds=60)
    done = zoldyq(server.url, "update", queue.name, "--capacity", "6", "--ttl", "none")
    assert done.stdout.startswith(
        f"{queue.name} changed: capacity 6, max_bytes none, ttl_seconds none"
    )
    assert (queue.stats().capacity, queue.stats().ttl_seconds) == (6, None)
    again = zoldyq(server.url, "update", queue.name, "--capacity", "6", "--json")
    assert json.loads(again.stdout) == {
        "queue_name": queue.name,
        "capacity": 6,
        "max_bytes": None,
        "ttl_seconds": None,
        "overflow": "reject",
        "idle_seconds": None,
        "changed": False,
    }


def test_json_of_a_declaration(server, queue):
    found = json.loads(zoldyq(server.url, "declare", queue.name, "--json").stdout)
    assert (found["queue_name"], found["created"], found["overflow"]) == (
        queue.name, True, "reject",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("update", "nosuch", "--capacity", "5"), 1, "no such queue"),
        (("update", "nosuch"), 2, "say what to change"),
        (("declare", "a", "--capacity", "0"), 2, "a whole number from 1"),
        (("declare", "a", "--ttl", "32d"), 2, "or none"),
        (("declare", "a", "--overflow", "drop"), 2, "reject or drop_oldest"),
        (("declare", "a b"), 2, "a queue's name"),
    ],
)
def test_mistakes_are_told(server, args, code, told):
    done = zoldyq(server.url, *args)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr


def test_messages_have_a_lifetime_of_their_own(server, queue):
    queue.declare(ttl_seconds=600)
    assert zoldyq(server.url, "enqueue", queue.name, "1", "--ttl", "1ms").returncode == 0
    assert zoldyq(server.url, "enqueue", queue.name, "--ttl", "1ms", stdin="2\n3\n").returncode == 0
    assert zoldyq(server.url, "enqueue", queue.name, "4", "--ttl", "1h").returncode == 0
    taken = zoldyq(server.url, "dequeue", queue.name, "--count", "9")
    assert (taken.stdout, taken.stderr) == ("4\n", "")
    wrong = zoldyq(server.url, "enqueue", queue.name, "1", "--ttl", "0")
    assert wrong.returncode == 2
    assert "'0' is not allowed" in wrong.stderr


def test_what_went_for_a_message_is_told_and_has_a_column(start_server):
    server = start_server()
    zoldyq(server.url, "declare", "a", "--capacity", "1", "--overflow", "drop_oldest")
    assert "DROPPED" not in zoldyq(server.url, "queues").stdout
    zoldyq(server.url, "enqueue", "a", "1")
    done = zoldyq(server.url, "enqueue", "a", "2")
    assert done.stdout == "queued; 1 message in a; 1 message dropped for it\n"
    header, row = zoldyq(server.url, "queues").stdout.splitlines()
    assert header.split()[-1] == "DROPPED"
    assert row.split()[-1] == "1"
