"""The consumer in Node.js."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.contract.servers import ServerProcess
from tests.contrib.examples.conftest import Run
from tests.contrib.programs import tool
from tests.helpers import wait_until
from zoldyq.client import Client

PAYLOADS = [{"number": number, "text": "ä\n"} for number in range(25)]


@pytest.fixture(params=["poll", "stream"])
def consumer(request: pytest.FixtureRequest, run_example: Run) -> ServerProcess:
    """The consumer of a queue, in each of its two ways."""
    node = tool("node", "nodejs")
    if request.param == "poll":
        return run_example("consumer.mjs", "clicks", "--poll", interpreter=(node,))
    return run_example("consumer.mjs", "clicks", interpreter=(node, *websocket_flag(node)))


def websocket_flag(node: str) -> list[str]:
    """What makes Node.js have a WebSocket; skips the test where nothing does."""
    for flags in ([], ["--experimental-websocket"]):
        command = [node, *flags, "-p", "typeof WebSocket"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        if done.stdout.strip() == "function":
            return flags
    pytest.skip("needs a Node.js that has a WebSocket (20.10 or later)")


def test_it_prints_messages_as_they_come(own_client: Client, consumer: ServerProcess) -> None:
    clicks = own_client.queue("clicks")
    clicks.enqueue_many(PAYLOADS[:20])
    wait_until(lambda: len(printed(consumer)) == 20)
    clicks.enqueue_many(PAYLOADS[20:])
    wait_until(lambda: len(printed(consumer)) == 25)
    assert consumer.stop() == 0, consumer.log.read_text()
    assert [json.loads(line) for line in printed(consumer)] == PAYLOADS
    assert consumer.log.read_text().replace("WebSocket is experimental", "").count("rror") == 0


def printed(consumer: ServerProcess) -> list[str]:
    return consumer.out.read_text().splitlines()
