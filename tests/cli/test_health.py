"""``zoldyq health``."""

from __future__ import annotations

import json
import signal

from tests.cli.runner import zoldyq
from tests.helpers import wait_until
from zoldyq.client import Client


def test_a_server_that_is_well(start_server):
    server = start_server()
    zoldyq(server.url, "enqueue", "a", "1")
    done = zoldyq(server.url, "health")
    assert done.returncode == 0
    assert done.stdout.endswith(", 1 message in 1 queue\n")
    found = json.loads(zoldyq(server.url, "health", "--json").stdout)
    assert (found["status"], found["total_queues"]) == ("healthy", 1)


def test_a_server_that_stops(start_server):
    server = start_server(drain_seconds=60)
    with Client(server.url) as client:
        client.queue("a").enqueue(1)
        client.queue("a").producer()  # keeps nothing open
        stream = client.queue("a").consume(credit=1)
        next(stream)
        client.queue("a").enqueue(2)
        server.signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in server.log.read_text())
        # New connections are refused; what a health check sees is that nobody answers.
        assert zoldyq(server.url, "health").returncode in (1, 4)
        stream.close()
    server.kill()


def test_a_server_that_tells_strangers_of_no_queues(start_server):
    server = start_server(token="secret")
    done = zoldyq(server.url, "health")
    assert done.returncode == 0
    assert " healthy, up " in done.stdout
    assert done.stdout.endswith("; without a token that may observe, it tells of no queues\n")
    assert json.loads(zoldyq(server.url, "health", "--json").stdout)["total_queues"] is None


def test_no_server():
    assert zoldyq("http://127.0.0.1:1", "health").returncode == 4
