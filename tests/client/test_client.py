"""The door to a server."""

from __future__ import annotations

import pytest

from zoldyq import __version__
from zoldyq.client import ClientError, InvalidUrl


def test_it_tells_how_the_server_is(client, queue):
    queue.enqueue_many(range(3))
    health = client.health()
    assert (health.status, health.version) == ("healthy", __version__)
    assert health.uptime_seconds > 0
    assert health.queues[queue.name].size == client.queues()[queue.name].size == 3


def test_a_queue_that_is_only_named_is_not_made(client, queue):
    assert queue.name not in client.queues()


def test_an_address_that_is_none_is_refused_at_once(connect):
    with pytest.raises(InvalidUrl):
        connect("localhost:9000")


def test_a_closed_client_says_so(connect, server):
    with connect(server.url) as client:
        client.health()
    with pytest.raises(ClientError, match="closed"):
        client.health()


def test_the_default_is_the_server_of_this_machine(connect):
    assert connect().url == "http://127.0.0.1:9000"
