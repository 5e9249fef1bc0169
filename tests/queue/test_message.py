"""Messages, and what is told of them."""

from __future__ import annotations

import time

import pytest

from zoldyq.queue.message import MESSAGE_OVERHEAD, Delivery, Message, cost_of, now_us


def test_a_message_counts_for_its_payload_and_an_overhead() -> None:
    messages = [Message(b"", 1), Message(b"12345", 1)]
    assert cost_of(messages) == 5 + 2 * MESSAGE_OVERHEAD
    assert cost_of([]) == 0


def test_the_rest_of_a_delivery_keeps_the_places_of_its_messages() -> None:
    messages = [Message(text, 1) for text in (b"a", b"b", b"c")]
    rest = Delivery(messages, 7, range(10, 13)).rest(2)
    assert rest.messages == messages[2:]
    assert (rest.queue_size, list(rest.numbers)) == (7, [12])


def test_a_message_never_changes() -> None:
    message = Message(b"a", 1)
    with pytest.raises(AttributeError):
        message.payload = b"b"  # type: ignore[misc]


def test_time_stamps_are_microseconds_since_the_epoch() -> None:
    before = time.time()
    assert before - 1 < now_us() / 1e6 < time.time() + 1
