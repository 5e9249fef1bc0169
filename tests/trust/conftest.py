"""Real servers, each for one scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess, start
from tests.trust.ledger import Ledger

Serve = Callable[..., ServerProcess]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Start servers with given settings. In the end each must stop in order, without an error."""
    started: list[ServerProcess] = []

    def begin(**settings: object) -> ServerProcess:
        folder = tmp_path_factory.mktemp("server")
        started.append(start("native", folder, **{"drain_seconds": 0, **settings}))
        return started[-1]

    yield begin
    for server in started:
        assert server.stop() == 0
        log = server.log.read_text()
        assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def usual(serve: Serve) -> ServerProcess:
    """A server with the usual settings that the scenarios of a module share."""
    return serve()


@pytest.fixture
def api(usual: ServerProcess) -> Api:
    """A client of that server, whose queue ``q`` is new."""
    api = Api(usual.address)
    api.delete("/queues/q")
    api.put("/queues/q", {"capacity": 10_000})
    return api


@pytest.fixture
def ledger() -> Ledger:
    """A new ledger."""
    return Ledger()
