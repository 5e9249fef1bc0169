"""What a consumer can still put back: the last that were sent, within a bound in bytes."""

from __future__ import annotations

import pytest

from zoldyq.contract.errors import InvalidCount
from zoldyq.queue import Delivery, Message
from zoldyq.server.websocket.unsettled import Unsettled


def add(unsettled: Unsettled, *numbers: int, size: int = 1, sent: int | None = None) -> None:
    messages = [Message(b"%d" % number * size, number) for number in numbers]
    delivery = Delivery(messages, 0, range(numbers[0], numbers[0] + len(numbers)))
    unsettled.add(delivery, len(numbers) if sent is None else sent)


def numbers(taken: Delivery) -> list[int]:
    assert list(taken.numbers) == [message.enqueued_at for message in taken.messages]
    return list(taken.numbers)


def test_the_last_come_back_oldest_first() -> None:
    unsettled = Unsettled(1000)
    add(unsettled, 1, 2, 3)
    add(unsettled, 4)
    assert numbers(unsettled.take_last(2)) == [3, 4]
    assert numbers(unsettled.take_last(2)) == [1, 2]
    assert len(unsettled) == 0


def test_settling_forgets_the_oldest_and_never_more_than_there_are() -> None:
    unsettled = Unsettled(1000)
    add(unsettled, 1, 2, 3)
    unsettled.settle(2)
    assert len(unsettled) == 1
    unsettled.settle(5)
    assert len(unsettled) == 0


def test_more_than_there_are_is_refused_and_all_stay() -> None:
    unsettled = Unsettled(1000)
    add(unsettled, 1, 2)
    with pytest.raises(InvalidCount) as refused:
        unsettled.take_last(3)
    assert refused.value.details == {"outstanding": 2}
    assert numbers(unsettled.take_last(2)) == [1, 2]


def test_beyond_the_bound_the_oldest_count_as_settled() -> None:
    unsettled = Unsettled(10)
    add(unsettled, 1, 2, 3, size=4)
    assert len(unsettled) == 2
    unsettled.take_last(1)
    add(unsettled, 5, size=4)
    assert numbers(unsettled.take_last(2)) == [2, 5]


def test_a_single_message_beyond_the_bound_is_kept() -> None:
    unsettled = Unsettled(10)
    add(unsettled, 1)
    add(unsettled, 2, size=50)
    assert numbers(unsettled.take_last(1)) == [2]


def test_what_was_not_sent_is_not_kept() -> None:
    unsettled = Unsettled(1000)
    add(unsettled, 1, 2, 3, sent=2)
    assert numbers(unsettled.take_last(2)) == [1, 2]
