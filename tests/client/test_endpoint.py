"""Connections: of a Unix socket, and options that no connection can have."""

from __future__ import annotations

import re
import socket

import pytest

from tests.client.scripted import ScriptedServer, reply
from tests.contract.servers import launch
from zoldyq.client import Client, ConnectionFailed, InvalidOption
from zoldyq.client.endpoint import Endpoint


def test_a_server_on_a_unix_socket_is_used_as_any_other(connect, tmp_path):
    path = tmp_path / "a queue.sock"
    server = launch("native", tmp_path, unix_socket=path, drain_seconds=0)
    try:
        server.wait_for(server.out, re.compile("listens on"))
        with connect(f"unix://{str(path).replace(' ', '%20')}") as client:
            queue = client.queue("a")
            queue.enqueue_many(range(3))
            assert queue.dequeue(timeout=5).payload == 0
            assert [message.payload for message in queue.consume(limit=2)] == [1, 2]
    finally:
        assert server.stop() == 0


def test_a_unix_socket_that_is_not_there_is_told(connect):
    with pytest.raises(ConnectionFailed, match=r"unix:///nowhere\.sock.*No such file"):
        connect("unix:///nowhere.sock").health()


def test_extra_headers_are_sent(connect):
    with ScriptedServer(reply(200, b'{"queues":{}}')) as server:
        connect(server.url, headers={"X-Request-Id": "7 "}).queues()
        assert b"\r\nx-request-id: 7\r\n" in server.requests[0].lower()


def test_a_peer_that_vanishes_is_noticed_in_a_long_wait():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with Endpoint(url).connect(5) as sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), None, "5", True])
@pytest.mark.parametrize("name", ["connect_timeout", "reply_timeout"])
def test_a_limit_that_is_none_is_refused(name, value):
    with pytest.raises(InvalidOption, match=name):
        Client("http://x", **{name: value})
