"""A dequeue that is cancelled swallows no message, whenever that happens."""

from __future__ import annotations

import asyncio
import random
import re
from pathlib import Path

import pytest

from tests.certificates import shared_authority
from tests.client.aio.running import read_request, serving
from tests.client.scripted import reply
from tests.contract.servers import launch, start
from zoldyq import AsyncClient
from zoldyq.client import Client

MESSAGE = b'{"payload":1.10,"queue_name":"a","queue_size":0,"enqueued_at":1}'
QUEUED = b'{"queue_name":"a","queue_size":1,"enqueued_at":1}'


async def cancelled(task: asyncio.Task[object]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Late:
    """Answers a request that it has read only once the client has hung up."""

    def __init__(self, body: bytes = MESSAGE) -> None:
        self.read = asyncio.Event()
        self._body = body

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        self.read.set()
        assert await reader.read() == b""
        writer.write(reply(200, self._body))


class Noting:
    """Answers one request, and notes it."""

    def __init__(self, body: bytes = QUEUED) -> None:
        self.request = b""
        self.done = asyncio.Event()
        self._body = body

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.request = await read_request(reader)
        writer.write(reply(200, self._body))
        await writer.drain()
        self.done.set()


def test_a_message_that_was_on_its_way_goes_to_the_next_dequeue() -> None:
    # Until the message has come, the next call asks the server, which has none either.
    async def main() -> None:
        late, nothing = Late(), reply(204, b"")

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await read_request(reader)
                writer.write(nothing)

        async with serving(late, answer) as url, AsyncClient(url) as client:
            queue = client.queue("a")
            asking = asyncio.create_task(queue.dequeue(timeout=20))
            await late.read.wait()
            await cancelled(asking)
            while not (messages := await queue.dequeue_many(9)):
                await asyncio.sleep(0)
            assert [message.raw for message in messages] == [b"1.10"]

    asyncio.run(main())


def test_a_message_that_no_call_asks_for_is_enqueued_again_as_it_was() -> None:
    async def main() -> bytes:
        late, noting = Late(), Noting()
        async with serving(late, noting) as url:
            client = AsyncClient(url)
            asking = asyncio.create_task(client.queue("a").dequeue(timeout=20))
            await late.read.wait()
            await cancelled(asking)
            await noting.done.wait()
            await client.close()
            return noting.request

    request = asyncio.run(main())
    assert request.startswith(b"POST /queues/a/enqueue")
    assert request.endswith(b'\r\n\r\n{"payloads":[1.10]}')


def test_closing_the_client_puts_back_at_once_what_is_still_on_its_way() -> None:
    async def main() -> bytes:
        late, noting = Late(b'{"messages":[{"payload":1,"enqueued_at":1}]}'), Noting()
        async with serving(late, noting) as url:
            async with AsyncClient(url) as client:
                asking = asyncio.create_task(client.queue("a").dequeue_many(5, timeout=20))
                await late.read.wait()
                await cancelled(asking)
            assert client.leftover == {}
            return noting.request

    assert asyncio.run(main()).endswith(b'{"payloads":[1]}')


def test_what_cannot_be_put_back_at_the_end_is_left_to_the_program(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        late = Late()

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(reply(401, b'{"error":"unauthorized","message":"m"}'))

        async with serving(late, refuse) as url:
            async with AsyncClient(url, token="sesame") as client:
                asking = asyncio.create_task(client.queue("a").dequeue(timeout=20))
                await late.read.wait()
                await cancelled(asking)
            assert [message.raw for message in client.leftover["a"]] == [b"1.10"]

    asyncio.run(main())
    assert "a: 1 messages of cancelled calls are not put back" in caplog.text
    assert "sesame" not in caplog.text


def test_a_call_that_has_sent_nothing_is_given_up_at_once() -> None:
    async def main() -> None:
        async with AsyncClient("http://127.0.0.1:1") as client:
            asking = asyncio.create_task(client.queue("a").dequeue(timeout=None))
            await asyncio.sleep(0.01)  # in the pause between two attempts to connect
            await cancelled(asking)

    asyncio.run(main())


@pytest.mark.parametrize("over", ["tcp", "tls", "unix"])
def test_no_message_is_lost_or_doubled_however_calls_are_cancelled(
    over: str, tmp_path: Path
) -> None:
    if over == "unix":
        path = tmp_path / "socket"
        server = launch("native", tmp_path, unix_socket=path, drain_seconds=0)
    else:
        server = start("native" if over == "tcp" else "tls", tmp_path, drain_seconds=0)
    options = {"ca_file": str(shared_authority().ca)} if over == "tls" else {}
    try:
        if over == "unix":
            server.wait_for(server.out, re.compile("listens on"))
        cancel_at_random(f"unix://{path}" if over == "unix" else server.url, options)
    finally:
        assert server.stop() == 0


def cancel_at_random(url: str, options: dict[str, str]) -> None:
    count = 200

    async def main() -> list[object]:
        chance = random.Random(7)
        taken: list[object] = []
        async with AsyncClient(url, **options) as client:
            queue = client.queue("a")

            async def take() -> None:
                while len(taken) < count - 40:
                    asking = asyncio.create_task(queue.dequeue(timeout=5))
                    await asyncio.wait((asking,), timeout=chance.choice((0, 0.002, 0.005, 0.2)))
                    if not asking.done():
                        asking.cancel()
                    await asyncio.wait((asking,))
                    if not asking.cancelled() and (message := asking.result()) is not None:
                        taken.append(message.payload)

            async def send() -> None:
                for number in range(count):
                    await queue.enqueue(number)

            await asyncio.gather(send(), *(take() for _ in range(4)))
        return taken

    taken = asyncio.run(main())
    with Client(url, **options) as client:
        rest = client.queue("a").dequeue_many(1_000)
    assert sorted([*taken, *(message.payload for message in rest)]) == list(range(count))
