"""Servers that all tests of the contract share, and servers for one test alone."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.raw import Api
from tests.contract.servers import KINDS, ServerProcess, launch, start

Start = Callable[..., ServerProcess]

_names = itertools.count()


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each way to serve, in turn."""
    if request.param == "redis" and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
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
