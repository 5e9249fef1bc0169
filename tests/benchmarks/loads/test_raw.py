from __future__ import annotations

import pytest

from benchmarks.figures import WorkNotDone
from benchmarks.loads.raw import RawConnection, request_bytes
from benchmarks.payload import PAYLOAD, single
from benchmarks.servers.zoldyq import zoldyq

ENQUEUE = request_bytes("POST", "/queues/q/enqueue", single())
DEQUEUE = request_bytes("GET", "/queues/q/dequeue")


def test_a_server_is_started_filled_counted_and_emptied() -> None:
    with zoldyq() as server, RawConnection(server.port) as client:
        assert server.stats("q")["size"] == 0
        client.ask(ENQUEUE)
        assert PAYLOAD in client.ask(DEQUEUE)
        client.pipeline([ENQUEUE, DEQUEUE] * 20)
        server.fill("q", 25_000)
        server.top_up("q", 25_001)
        stats = server.stats("q")
        assert (stats["size"], stats["dequeued_total"]) == (25_001, 21)
        assert server.memory > 1_000_000
        server.empty("q")
        assert server.total("size") == 0


def test_an_answer_without_a_message_is_an_error() -> None:
    with (
        zoldyq() as server,
        RawConnection(server.port) as client,
        pytest.raises(WorkNotDone, match="204"),
    ):
        client.ask(DEQUEUE)
