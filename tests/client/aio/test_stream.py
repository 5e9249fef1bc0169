"""What a stream does that only asyncio asks of it: cancellation, and the end of the event loop.

All else is tested for both clients in ``tests/client/test_consumer.py``.
"""

from __future__ import annotations

import asyncio
import random

from tests.helpers import wait_until
from zoldyq import AsyncClient


def left_in(queue) -> list[object]:
    return [message.payload for message in queue.peek(10_000)] if queue.stats().size else []


def test_waiting_for_a_message_can_be_cancelled_again_and_again(queue, client):
    async def main() -> list[object]:
        chance = random.Random(7)
        taken: list[object] = []
        async with (
            AsyncClient(client.url) as mine,
            mine.queue(queue.name).consume(credit=4) as stream,
        ):

            async def take() -> None:
                while len(taken) < 300:
                    asking = asyncio.ensure_future(anext(stream))
                    await asyncio.wait((asking,), timeout=chance.choice((0, 0.001, 0.1)))
                    if not asking.done():
                        asking.cancel()
                    await asyncio.wait((asking,))
                    if not asking.cancelled():
                        taken.append(asking.result().payload)

            async def send() -> None:
                for number in range(400):
                    await mine.queue(queue.name).enqueue(number)

            await asyncio.gather(take(), send())
        return taken

    taken = asyncio.run(main())
    assert taken + left_in(queue) == list(range(400))


def test_a_task_that_is_cancelled_in_its_loop_puts_back_what_was_fetched_ahead(queue, client):
    queue.enqueue_many(range(50))

    async def main() -> None:
        handed_out = asyncio.Event()

        async def work(mine: AsyncClient) -> None:
            async with mine.queue(queue.name).consume(credit=10) as stream:
                async for message in stream:
                    assert message.payload == 0
                    handed_out.set()
                    await asyncio.sleep(60)

        async with AsyncClient(client.url) as mine:
            task = asyncio.create_task(work(mine))
            await handed_out.wait()
            task.cancel()
            await asyncio.wait((task,))
            assert task.cancelled()
            assert len(await mine.queue(queue.name).peek(100)) == 49

    asyncio.run(main())
    assert left_in(queue) == list(range(1, 50))


def test_closing_the_client_ends_its_streams(queue, client):
    queue.enqueue_many(range(20))

    async def main() -> list[object]:
        async with AsyncClient(client.url) as mine:
            stream = mine.queue(queue.name).consume()
            first = await anext(stream)
        return [first.payload, *[message.payload async for message in stream]]

    assert asyncio.run(main()) == [0]
    assert left_in(queue) == list(range(1, 20))


def test_the_end_of_the_event_loop_puts_back_what_is_held(queue, client):
    queue.enqueue_many(range(20))
    kept = []

    async def main() -> None:
        mine = AsyncClient(client.url)
        kept.append(mine.queue(queue.name).consume())
        assert (await anext(kept[0])).payload == 0
        # What asyncio.run does at its end, before the loop is closed.
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await mine.close()

    asyncio.run(main())
    wait_until(lambda: queue.stats().size == 19)
    assert left_in(queue) == list(range(1, 20))


def test_a_cancelled_close_ends_the_stream_nevertheless(queue, client):
    queue.enqueue_many(range(20))

    async def main() -> None:
        async with AsyncClient(client.url) as mine:
            stream = mine.queue(queue.name).consume()
            await anext(stream)
            closing = asyncio.create_task(stream.close())
            await asyncio.sleep(0)
            closing.cancel()
            await asyncio.wait((closing,))
            assert [message async for message in stream] == []

    asyncio.run(main())
    assert left_in(queue) == list(range(1, 20))


def test_the_program_may_take_its_time_between_two_messages(queue, client):
    """Messages come in while the program does something else, and the order stays."""
    queue.enqueue_many(range(200))

    async def main() -> list[object]:
        async with AsyncClient(client.url) as mine:
            stream = mine.queue(queue.name).consume(credit=8, limit=200)
            taken = []
            async for message in stream:
                taken.append(message.payload)
                await asyncio.sleep(0)
            return taken

    assert asyncio.run(main()) == list(range(200))
