"""Examples run as they are, against a server of each test's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.servers import ROOT, ServerProcess
from tests.contrib.programs import EXAMPLES
from zoldyq.client import Client

Run = Callable[..., ServerProcess]


@pytest.fixture
def own_server(start_server: Callable[..., ServerProcess]) -> ServerProcess:
    """A server with a token, and with nothing in it: examples choose the names of queues."""
    return start_server(token="secret")


@pytest.fixture
def own_client(own_server: ServerProcess) -> Iterator[Client]:
    """A client of it."""
    with Client(own_server.url, token="secret") as made:
        yield made


@pytest.fixture
def run_example(
    own_server: ServerProcess,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Run]:
    """Start an example: ``run_example("name.py", *arguments)``. It ends with the test."""
    # The ZoldyQ of this tree, whether one is installed or not.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    started: list[ServerProcess] = []

    def begin(
        name: str, *arguments: object, interpreter: tuple[str, ...] = (sys.executable,)
    ) -> ServerProcess:
        folder: Path = tmp_path_factory.mktemp("example")
        command = [*interpreter, str(EXAMPLES / name), *map(str, arguments)]
        settings: dict[str, object] = {"url": own_server.url, "token": "secret"}
        started.append(ServerProcess(command, folder, settings))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
