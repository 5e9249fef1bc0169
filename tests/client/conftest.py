"""What the tests of the client share.

The modules named below are run with both clients: for threads, and for asyncio.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.client.face import BlockingFace
from tests.client.fixtures import queue, server, start_server
from tests.contract.servers import ServerProcess
from zoldyq.client import Client

if TYPE_CHECKING:
    from tests.client.aio.face import AsyncFace, LoopThread

__all__ = ["queue", "server", "start_server"]

FOR_BOTH = {
    *("test_client", "test_consumer", "test_endpoint", "test_gateways", "test_producer"),
    *("test_queue", "test_tls", "test_transport"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with both clients unless it is marked ``threads_only``."""
    path = metafunc.definition.path
    both = path.stem in FOR_BOTH and path.parent.name == "client"
    only = metafunc.definition.get_closest_marker("threads_only")
    if both and "connect" in metafunc.fixturenames and only is None:
        metafunc.parametrize("connect", ["threads", "asyncio"], indirect=True)


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    """The event loop of the clients for asyncio."""
    pytest.importorskip("aiohttp", reason="needs zoldyq[async]")
    from tests.client.aio.face import LoopThread

    thread = LoopThread()
    yield thread
    thread.close()


@pytest.fixture
def connect(request: pytest.FixtureRequest) -> Iterator[BlockingFace | AsyncFace]:
    """Make clients of one kind: ``connect(url, **options)``."""
    if getattr(request, "param", "threads") == "threads":
        face: BlockingFace | AsyncFace = BlockingFace()
    else:
        thread = request.getfixturevalue("loop_thread")
        from tests.client.aio.face import AsyncFace

        face = AsyncFace(thread)
    yield face
    face.close()


@pytest.fixture
def client(server: ServerProcess, connect: BlockingFace) -> Iterator[Client]:
    """A client of the shared server."""
    with connect(server.url) as made:
        yield made
