"""Redis servers that the tests of the engine share, and front ends for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.engines import EngineFrontEnd
from tests.engine.front_end import FrontEnd
from tests.engine.servers import RedisConnection, RedisServer
from tests.engine.sets import ClusterSet, SentinelSet
from zoldyq.contract.policy import Policy
from zoldyq.engine.settings import EngineSettings


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[RedisConnection]:
    with redis_server.connect() as connection:
        connection("FLUSHALL")
        yield connection


@pytest.fixture
def front_end(redis: RedisConnection) -> Callable[..., FrontEnd]:
    """Make front ends by their ids: ``front_end("A", lease_ms=100)``."""

    def make(e: str, **options: object) -> FrontEnd:
        return FrontEnd(redis, e, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def sentinel_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelSet]:
    """A primary, a replica and sentinels that the tests share; each test leaves them whole."""
    servers = SentinelSet(tmp_path_factory.mktemp("sentinels"))
    yield servers
    servers.stop()


@pytest.fixture(scope="session")
def cluster_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterSet]:
    """A Cluster that the tests share; each test leaves it whole."""
    servers = ClusterSet(tmp_path_factory.mktemp("cluster"))
    yield servers
    servers.stop()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[..., EngineFrontEnd]]:
    """Make engines: ``engine(url, grace=0.5, capacity=5)``. Those of a test share a prefix."""
    made: list[EngineFrontEnd] = []

    def make(url: str, *, capacity: int = 100_000, **settings: object) -> EngineFrontEnd:
        given = {"prefix": tmp_path.name, "lease": 2.0, "timeout": 1.0, "grace": 20.0, **settings}
        policy = Policy(capacity=capacity)
        made.append(EngineFrontEnd(url, EngineSettings(**given), policy))
        return made[-1]

    yield make
    for each in made:
        each.stop()
