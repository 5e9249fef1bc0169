"""A Redis server that the tests of the engine share, empty for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.engine.front_end import FrontEnd
from tests.engine.servers import RedisConnection, RedisServer


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
