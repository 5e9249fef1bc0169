"""The door for asyncio: its event loop, its extra, and what it never shows.

All else is tested for both clients in ``tests/client``.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import subprocess
import sys

import pytest

from tests.client.scripted import HANG_UP, ScriptedServer, reply
from zoldyq import AsyncClient
from zoldyq.client import Client, Consumer, Producer, RemoteQueue
from zoldyq.client.aio import AsyncConsumer, AsyncProducer, AsyncRemoteQueue
from zoldyq.contract.errors import Unauthorized

STATS = reply(200, b'{"queues":{}}')


@pytest.mark.parametrize(
    ("threads", "asynchronous"),
    [
        (Client, AsyncClient),
        (RemoteQueue, AsyncRemoteQueue),
        (Consumer, AsyncConsumer),
        (Producer, AsyncProducer),
    ],
)
def test_both_clients_have_the_same_methods_with_the_same_parameters(threads, asynchronous):
    # A socket for programs that speak HTTP themselves; a word from a signal handler that may run
    # between any two steps, where an event loop runs its handlers between callbacks.
    only_there = {"connect", "stop"}
    names = {name for name in vars(threads) if not name.startswith("_")} - only_there
    assert names <= {name for name in vars(asynchronous) if not name.startswith("_")}
    for name in names:
        here, there = getattr(threads, name), getattr(asynchronous, name)
        if not callable(here):
            continue
        assert inspect.signature(here).parameters == inspect.signature(there).parameters


def test_a_client_belongs_to_one_event_loop():
    with ScriptedServer(STATS) as server:
        client = AsyncClient(server.url)

        async def use() -> None:
            assert await client.queues() == {}

        asyncio.run(use())
        with pytest.raises(RuntimeError, match="another event loop: make one for each"):
            asyncio.run(use())

        async def close() -> None:
            client._transport._loop = asyncio.get_running_loop()
            await client.close()

        asyncio.run(close())


def test_without_aiohttp_one_line_says_what_to_install():
    program = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "import importlib.util as util; find = util.find_spec\n"
        "util.find_spec = lambda name: None if name == 'aiohttp' else find(name)\n"
        "from zoldyq import Client\n"
        "try:\n    from zoldyq import AsyncClient\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "AsyncClient needs aiohttp: pip install 'zoldyq[async]'\n"


def test_importing_zoldyq_and_its_client_loads_no_aiohttp():
    program = "import sys, zoldyq.client; print('aiohttp' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"


def test_a_token_is_never_told(caplog):
    caplog.set_level(logging.DEBUG)
    refused = reply(401, b'{"error":"unauthorized","message":"unknown token"}')

    async def main(url: str) -> str:
        async with AsyncClient(url, token="open-sesame", headers={"X-Key": "abracadabra"}) as mine:
            with pytest.raises(Unauthorized) as failed:
                await mine.queue("a").enqueue(1)
            return f"{failed.value!r} {mine!r} {mine.headers!r} {mine.queue('a')!r}"

    with ScriptedServer(refused) as server:
        told = asyncio.run(main(server.url), debug=True)
        assert b"Authorization: Bearer open-sesame" in server.requests[0]
    for secret in ("open-sesame", "abracadabra"):
        assert secret not in told
        assert secret not in caplog.text


def test_a_request_that_changes_something_is_not_sent_again_when_its_reply_was_lost():
    """aiohttp does that by itself with DELETE and PUT on a connection that it had kept."""

    async def main(url: str) -> None:
        async with AsyncClient(url) as client:
            await client.queues()
            with pytest.raises(Exception, match="may have done"):
                await client.queue("a").delete()

    with ScriptedServer(STATS, HANG_UP, reply(200, b'{"dropped":1}')) as server:
        asyncio.run(main(server.url))
        assert len(server.requests) == 2


def test_many_tasks_share_a_client(queue, client):
    async def main() -> int:
        async with AsyncClient(client.url) as mine:
            shared = mine.queue(queue.name)

            async def work(number: int) -> object:
                await shared.enqueue(number)
                return await shared.dequeue(timeout=20)

            return len([each for each in await asyncio.gather(*map(work, range(100))) if each])

    assert asyncio.run(main()) == 100


def test_a_large_message_is_sent_as_a_whole(queue, client):
    async def main() -> None:
        async with AsyncClient(client.url) as mine:
            await mine.queue(queue.name).enqueue("x" * 3_000_000)

    asyncio.run(main())
    assert len(queue.dequeue().payload) == 3_000_000
