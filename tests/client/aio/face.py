"""The client for asyncio with the methods of the one for threads, so that a test holds for both.

An event loop runs in a thread. Each coroutine is awaited there, and the caller waits for it.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from zoldyq.client.aio import AsyncClient, AsyncProducer
from zoldyq.client.aio.transport import AsyncTransport
from zoldyq.client.endpoint import Endpoint
from zoldyq.client.options import SenderOptions
from zoldyq.client.sender import SendSome

_WRAPPED = ("AsyncClient", "AsyncRemoteQueue", "AsyncConsumer", "AsyncProducer")


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Any) -> Any:
        """Return what comes of a coroutine."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function on the loop's thread, and await what is to be awaited."""

        async def called() -> Any:
            result = function()
            return await result if inspect.isawaitable(result) else result

        return self.run(called())

    def close(self) -> None:
        """End the loop as ``asyncio.run`` does."""
        self.run(self._cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(20)
        self.loop.close()

    async def _cancel_all(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class Blocking:
    """One of the objects of the asyncio client; whatever it returns is one as well."""

    def __init__(self, of: Any, thread: LoopThread) -> None:
        self._of = of
        self._thread = thread

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if not callable(found):
            return found

        def call(*args: Any, **options: Any) -> Any:
            return self._wrap(self._thread.call(lambda: found(*args, **options)))

        return call

    def __iter__(self) -> Blocking:
        return self

    def __next__(self) -> Any:
        try:
            return self._thread.run(self._of.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def __enter__(self) -> Blocking:
        self._thread.run(self._of.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._thread.run(self._of.__aexit__(kind, error, traceback))

    def _wrap(self, result: Any) -> Any:
        return Blocking(result, self._thread) if type(result).__name__ in _WRAPPED else result


class AsyncFace:
    """Makes the objects of the client for asyncio, and closes at the end what was left open."""

    name = "asyncio"

    def __init__(self, thread: LoopThread) -> None:
        self._thread = thread
        self._made: list[AsyncClient] = []

    def __call__(self, *args: Any, **options: Any) -> Blocking:
        self._made.append(AsyncClient(*args, **options))
        return Blocking(self._made[-1], self._thread)

    def producer(self, sink: SendSome, options: SenderOptions, timeout: float | None) -> Blocking:
        """Return a producer that sends its batches to a function, which may block."""

        async def send_some(payloads: Sequence[bytes], wait: float) -> tuple[int, int]:
            return await asyncio.to_thread(sink, payloads, wait)

        transport = AsyncTransport(Endpoint("http://127.0.0.1:1"))
        return Blocking(AsyncProducer(transport, send_some, options, timeout), self._thread)

    def close(self) -> None:
        """Close the clients."""
        for client in self._made:
            self._thread.run(client.close())
