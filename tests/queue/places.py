"""Consumers and producers that stand in line, for the tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from zoldyq.queue import (
    Bell,
    ConsumerPlace,
    Delivery,
    Message,
    MessageQueue,
    ProducerPlace,
    Wake,
)


def ignore() -> None:
    """Wake nobody: the test looks for itself."""


def texts(messages: Iterable[Message]) -> list[bytes]:
    return [message.payload for message in messages]


def queue_of(*payloads: bytes) -> list[object]:
    """Compare equal to messages with these payloads, whenever they came."""
    return [Payload(payload) for payload in payloads]


class Payload:
    def __init__(self, payload: bytes) -> None:
        self.payload = payload

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and other.payload == self.payload

    __hash__ = None  # type: ignore[assignment]


def taken(queue: MessageQueue, count: int = 1, max_bytes: int | None = None) -> Delivery:
    """Take what is there, as a consumer that does not wait."""
    outcome = queue.begin_dequeue(count, max_bytes)
    assert isinstance(outcome, Delivery)
    return outcome


def in_line(queue: MessageQueue, count: int = 1, wake: Wake = ignore) -> ConsumerPlace:
    """A consumer that stands in line, holding no thread."""
    outcome = queue.begin_dequeue(count, wake=wake)
    assert isinstance(outcome, ConsumerPlace)
    return outcome


def in_line_for_room(queue: MessageQueue, *payloads: bytes, wake: Wake = ignore) -> ProducerPlace:
    """A producer that stands in line, holding no thread."""
    outcome = queue.begin_enqueue(payloads, wake=wake)
    assert isinstance(outcome, ProducerPlace)
    return outcome


def collect(*places: ConsumerPlace) -> list[list[bytes]]:
    """What each of these consumers was given."""
    return [texts(place.leave().messages) for place in places]


class InterruptedHereError(Exception):
    """Stands for a KeyboardInterrupt."""


def interrupt_sleepers(
    monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object] = ignore
) -> None:
    """Have every thread that goes to sleep interrupted, once ``meanwhile()`` has happened."""

    def sleep(bell: Bell, deadline: float | None) -> bool:
        meanwhile()
        raise InterruptedHereError

    monkeypatch.setattr(Bell, "sleep", sleep)
