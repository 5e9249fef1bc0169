"""The client for asyncio: ``from zoldyq import AsyncClient``. It needs ``zoldyq[async]``.

It has the methods of :mod:`zoldyq.client`, with the same names, types and errors; what is read,
sent or waited for is awaited. All of it belongs to one event loop.
"""

import importlib.util

if importlib.util.find_spec("aiohttp") is None:
    raise ImportError("AsyncClient needs aiohttp: pip install 'zoldyq[async]'")

from zoldyq.client.aio.client import AsyncClient
from zoldyq.client.aio.consumer import AsyncConsumer
from zoldyq.client.aio.producer import AsyncProducer
from zoldyq.client.aio.queue import AsyncRemoteQueue

__all__ = ["AsyncClient", "AsyncConsumer", "AsyncProducer", "AsyncRemoteQueue"]
