"""Consumers and producers that stand in line, for the tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from zoldyq.queue import (
    Bell,
    Message,
    MessageQueue,
    RoomWaiter,
    Waiter,
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


def joined(queue: MessageQueue, count: int = 1) -> Waiter:
    """A consumer that stands in line, holding no thread."""
    waiter = Waiter(ignore, count)
    queue.join(waiter)
    return waiter


def joined_for_room(queue: MessageQueue, *payloads: bytes) -> RoomWaiter:
    waiter = RoomWaiter(ignore, payloads)
    queue.join_for_room(waiter)
    return waiter


def collect(queue: MessageQueue, *waiters: Waiter) -> list[list[bytes]]:
    return [texts(queue.leave(waiter).messages) for waiter in waiters]


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
