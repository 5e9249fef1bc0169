"""The tour with curl."""

from __future__ import annotations

import os

from tests.contract.servers import ServerProcess
from tests.contrib.examples.conftest import Run
from tests.contrib.programs import EXAMPLES, tool
from zoldyq.client import Client


def test_every_step_works(own_client: Client, run_example: Run) -> None:
    tool("curl", "curl")
    tour = run_example("curl.sh", interpreter=("sh",))
    assert tour.exit_code() == 0, tour.out.read_text() + tour.log.read_text()
    printed = tour.out.read_text()
    for answer in (
        '{"created":true,',
        '"count":3,',
        '{"payload":{"to": "user@example.com", "price": 1.10},',
        '"payload":"two"',
        '\nnull\n{"line": 1}\n{"line": 2}\n',
        "\n204\n",
        '{"payload":"just in time",',
        '"purged":1',
        '{"ready":true}',
        "zoldyq_build_info{",
    ):
        assert answer in printed
    assert own_client.queues() == {}


def test_it_tells_when_there_is_no_server(own_server: ServerProcess, run_example: Run) -> None:
    tool("curl", "curl")
    own_server.stop()
    tour = run_example("curl.sh", interpreter=("sh",))
    assert tour.exit_code() != 0
    assert "connect" in tour.log.read_text()


def test_it_is_executable() -> None:
    assert os.access(EXAMPLES / "curl.sh", os.X_OK)
