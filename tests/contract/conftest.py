"""Servers that all tests of the contract share, and servers for one test alone."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.raw import Api
from tests.contract.servers import ENGINES, KINDS, ServerProcess, launch, start
from tests.engine.servers import PROGRAM

Start = Callable[..., ServerProcess]

#: What runs over sentinels and over a Cluster each time: what an engine does for itself. All of the
#: contract does with TEST_ENGINES=all, as in the nox session ``backends``.
_EACH_TIME = {
    *("test_administration", "test_dequeue", "test_enqueue", "test_policies"),
    *("test_statistics", "test_websocket"),
}

_names = itertools.count()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what need not run each time."""
    if os.environ.get("TEST_ENGINES") == "all":
        return
    left_out = [item for item in items if _is_for_long_runs(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not _is_for_long_runs(item)]


def _is_for_long_runs(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    kind = callspec.params.get("kind") if callspec is not None else None
    return kind in ENGINES[1:] and item.path.stem not in _EACH_TIME


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each way to serve, in turn."""
    if request.param in ENGINES and shutil.which(PROGRAM) is None:
        pytest.skip(f"{PROGRAM} is not installed")
    return str(request.param)


@pytest.fixture(scope="session")
def _servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ServerProcess]]:
    """One server of each kind, started when it is first asked for."""
    servers: dict[str, ServerProcess] = {}
    yield servers
    for kind, server in servers.items():
        assert server.stop() == 0, f"{kind}: {server.log.read_text()}"
        assert "Traceback" not in server.log.read_text(), kind


@pytest.fixture(scope="session")
def shared(
    _servers: dict[str, ServerProcess], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], ServerProcess]:
    """Return the server of a kind that the whole test run shares."""

    def server_of(kind: str) -> ServerProcess:
        if kind not in _servers:
            folder = tmp_path_factory.mktemp(kind)
            _servers[kind] = start(
                kind, folder, max_queues=100_000, threads=32, max_waiting=24, drain_seconds=0
            )
        return _servers[kind]

    return server_of


@pytest.fixture
def server(kind: str, shared: Callable[[str], ServerProcess]) -> ServerProcess:
    """A server of each kind in turn."""
    return shared(kind)


@pytest.fixture
def api(server: ServerProcess) -> Api:
    """A client of that server."""
    return Api(server.address)


@pytest.fixture(params=["native", "tls"])
def native(request: pytest.FixtureRequest, shared: Callable[[str], ServerProcess]) -> Api:
    """A client of the native server, without TLS and with it."""
    return Api(shared(request.param).address)


@pytest.fixture
def queue() -> str:
    """A name that no other test uses."""
    return f"q-{next(_names)}"


@pytest.fixture
def run_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start servers of one test alone, which may end them: ``run_server(kind, **settings)``.

    With ``ready=False`` nobody waits until it listens, perhaps because it never will.
    """
    started: list[ServerProcess] = []

    def begin(kind: str, *flags: str, ready: bool = True, **settings: object) -> ServerProcess:
        begun = start if ready else launch
        started.append(begun(kind, tmp_path_factory.mktemp(kind), *flags, **settings))
        return started[-1]

    yield begin
    for server in started:
        server.kill()


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start further servers, which end with the module: ``start_server(kind, **settings)``."""
    started: list[ServerProcess] = []

    def begin(kind: str, *flags: str, **settings: object) -> ServerProcess:
        folder: Path = tmp_path_factory.mktemp(kind)
        started.append(start(kind, folder, *flags, **settings))
        return started[-1]

    yield begin
    for server in started:
        server.stop()
