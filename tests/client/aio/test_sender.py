"""What a producer does that only asyncio asks of it.

All else is tested for both clients in ``tests/client/test_producer.py``.
"""

from __future__ import annotations

import asyncio

import pytest

from zoldyq import AsyncClient
from zoldyq.client import MessagesUnsent


def test_a_loop_that_only_sends_lets_the_batches_go(queue, client):
    async def main() -> None:
        async with AsyncClient(client.url) as mine:
            options = {"max_messages": 10, "buffer_messages": 40, "when_full": "raise"}
            async with mine.queue(queue.name).producer(**options) as producer:
                for number in range(1_000):
                    await producer.send(number)
                    if producer.stats().pending > 30:
                        await producer.flush()
            assert producer.stats().acknowledged == 1_000

    asyncio.run(main())
    assert [message.payload for message in queue.dequeue_many(2_000)] == list(range(1_000))


def test_a_send_that_is_cancelled_while_it_waits_for_room_takes_nothing(queue, client):
    queue.create(1)

    async def main() -> None:
        async with AsyncClient(client.url) as mine:
            producer = mine.queue(queue.name).producer(max_messages=1, buffer_messages=1)
            for number in range(3):  # in the queue, on its way, and in the buffer
                await producer.send(number)
            waiting = asyncio.create_task(producer.send("never"))
            await asyncio.sleep(0.01)
            waiting.cancel()
            await asyncio.wait((waiting,))
            assert waiting.cancelled()
            assert producer.stats().accepted == 3
            taken = [(await mine.queue(queue.name).dequeue(timeout=20)).payload for _ in range(3)]
            assert taken == [0, 1, 2]
            await producer.close()

    asyncio.run(main())
    assert queue.stats().size == 0


def test_what_was_not_closed_is_sent_at_the_end_of_the_event_loop(queue, client):
    made = []

    async def main() -> None:
        mine = AsyncClient(client.url)
        made.append(mine.queue(queue.name).producer(max_delay=60))
        for number in range(10):
            await made[0].send(number)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()  # as asyncio.run does at its end
        await asyncio.gather(*others, return_exceptions=True)
        await mine.close()

    asyncio.run(main())
    assert [message.payload for message in queue.dequeue_many(100)] == list(range(10))


def test_a_cancelled_block_sends_what_it_has(queue, client):
    async def main() -> None:
        sent = asyncio.Event()

        async def work(mine: AsyncClient) -> None:
            async with mine.queue(queue.name).producer(max_delay=60) as producer:
                await producer.send(1)
                sent.set()
                await asyncio.sleep(60)

        async with AsyncClient(client.url) as mine:
            task = asyncio.create_task(work(mine))
            await sent.wait()
            task.cancel()
            await asyncio.wait((task,))
            assert task.cancelled()

    asyncio.run(main())
    assert queue.dequeue().payload == 1


def test_a_producer_of_a_closed_client_says_what_it_could_not_send(queue, client):
    async def main() -> None:
        mine = AsyncClient(client.url)
        producer = mine.queue(queue.name).producer(max_delay=60)
        await producer.send(1)
        await mine.close()
        with pytest.raises(MessagesUnsent, match="closed"):
            await producer.close()

    asyncio.run(main())
