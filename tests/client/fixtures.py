"""A real server for the tests of the client and of the commands."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.contract.servers import ServerProcess, start
from zoldyq.client import Client, RemoteQueue

_names = itertools.count()

TOKEN = "open-sesame"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that all tests share."""
    process = start("native", tmp_path_factory.mktemp("server"), max_queues=10_000, drain_seconds=0)
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.log.read_text()


@pytest.fixture
def start_server(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., ServerProcess]]:
    """Start servers that end with the test: ``start_server(**settings)``."""
    started: list[ServerProcess] = []

    def begin(**settings: object) -> ServerProcess:
        folder = tmp_path_factory.mktemp("server")
        started.append(start("native", folder, **{"drain_seconds": 0, **settings}))
        return started[-1]

    yield begin
    for process in started:
        process.stop()


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    """A client of the shared server."""
    with Client(server.url) as made:
        yield made


@pytest.fixture
def queue(client: Client) -> RemoteQueue:
    """A queue that no other test uses, not there yet."""
    return client.queue(f"q-{next(_names)}")
