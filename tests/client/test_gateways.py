"""Behind nginx with the shipped configuration, while the server restarts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contrib.proxies import running
from tests.helpers import Task, wait_until
from zoldyq.client import ConnectionLost, GatewayReply


def test_streams_and_producers_outlive_the_server_behind_a_gateway(
    connect, start_server, tmp_path: Path
) -> None:
    first = start_server()
    with (
        running("nginx", first, tmp_path) as proxy,
        connect(proxy.url, ca_file=str(proxy.certificate)) as client,
    ):
        queue = client.queue("jobs")
        producer = queue.producer(max_delay=0.01)
        received: list[int] = []
        stream = queue.consume()

        def receive() -> None:
            received.extend(message.payload for message in stream)

        receiving = Task(receive)
        producer.send(0)
        wait_until(lambda: received == [0])
        first.stop()
        with pytest.raises((GatewayReply, ConnectionLost)):
            queue.enqueue("of unknown fate")
        for number in range(1, 200):
            producer.send(number)
        wait_until(lambda: producer.stats().failures >= 2)
        start_server(port=first.port)
        producer.close(timeout=30)
        wait_until(lambda: len(received) == 200, 30)
        stream.close()
        receiving.result()
    assert received == list(range(200))
