"""The one way into an event loop from another thread."""

from __future__ import annotations

import logging
import select
from collections.abc import Iterator

import pytest

from zoldyq.server.native.loop.door import Door
from zoldyq.server.native.loop.poller import READ


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


def is_rung(door: Door) -> bool:
    return bool(select.select([door], [], [], 0)[0])


def test_calls_are_made_in_their_order_when_the_loop_looks(door: Door) -> None:
    made: list[int] = []
    for number in range(1_000):
        door.enter(lambda number=number: made.append(number))  # type: ignore[misc]
    assert (made, is_rung(door)) == ([], True)
    door.on_event(READ)
    assert (made, is_rung(door)) == (list(range(1_000)), False)


def test_a_call_that_enters_another_wakes_the_loop_again(door: Door) -> None:
    made: list[str] = []
    door.enter(lambda: door.enter(lambda: made.append("second")))
    door.on_event(READ)
    assert (made, is_rung(door)) == ([], True)
    door.on_event(READ)
    assert made == ["second"]


def test_a_call_that_fails_is_logged_and_the_others_are_made(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    made: list[str] = []
    door.enter(lambda: 1 // 0)  # type: ignore[arg-type, return-value]
    door.enter(lambda: made.append("next"))
    with caplog.at_level(logging.ERROR):
        door.on_event(READ)
    assert made == ["next"]
    assert "ZeroDivisionError" in caplog.text


def test_a_call_to_a_closed_door_is_not_made() -> None:
    door = Door()
    door.close()
    door.enter(lambda: pytest.fail("the door is closed"))
