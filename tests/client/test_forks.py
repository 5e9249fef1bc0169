"""Child processes: they share nothing with their parent, and disturb none of its connections."""

from __future__ import annotations

import os
import signal
import socket
import threading

import pytest

from tests.client.children import fork, in_child
from tests.client.scripted import ScriptedServer, reply
from tests.helpers import Task
from zoldyq.client import Client

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def test_processes_that_share_a_client_get_each_its_own_messages(queue, client):
    queue.enqueue("before")  # so there is a connection
    mine = client.queue(f"{queue.name}-parent")
    pid = fork()
    if not pid:
        code = 1
        try:
            signal.alarm(20)
            theirs = client.queue(f"{queue.name}-child")
            for number in range(300):
                theirs.enqueue(["child", number])
                if theirs.dequeue().payload != ["child", number]:
                    break
            else:
                code = 0
        finally:
            os._exit(code)
    for number in range(300):
        mine.enqueue(["parent", number])
        assert mine.dequeue().payload == ["parent", number]
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_parents_connection_survives_its_children():
    stats = reply(200, b'{"queues":{}}')
    with ScriptedServer(stats, stats, stats) as server, Client(server.url) as client:
        client.queues()
        in_child(lambda: None)
        in_child(client.close)
        client.queues()
        client.queues()
        assert server.connections == 1


def test_a_child_keeps_no_connection_open_that_its_parent_closes():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}")
        asking = Task(client.queues)
        connection, _ = listener.accept()
        connection.settimeout(20)
        connection.recv(65536)
        connection.sendall(reply(200, b'{"queues":{}}'))
        asking.result()
        reading, writing = os.pipe()
        pid = fork()
        if not pid:
            os.close(writing)
            os.read(reading, 1)  # until the parent is done
            os._exit(0)
        client.close()
        with connection:
            assert connection.recv(1) == b""
        os.close(writing)
        os.close(reading)
        os.waitpid(pid, 0)


def test_a_fork_beside_threads_that_use_the_client_leaves_a_child_that_works(queue, client):
    stopping = threading.Event()

    def work() -> None:
        while not stopping.is_set():
            client.queues()

    threads = [Task(work) for _ in range(4)]
    for _ in range(20):
        in_child(lambda: queue.enqueue(1))
    stopping.set()
    for thread in threads:
        thread.result()
    assert queue.stats().size == 20
