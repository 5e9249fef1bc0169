"""A bell that a thread hears while it waits for a socket, in both of its forms."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest

from zoldyq.server.websocket.bell import SocketBell


@pytest.fixture(params=["of the system", "socket pair"])
def bell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[SocketBell]:
    if request.param == "socket pair":
        monkeypatch.delattr(os, "eventfd", raising=False)
    bell = SocketBell()
    yield bell
    bell.close()


def is_readable(bell: SocketBell) -> bool:
    return bool(select.select([bell], [], [], 0)[0])


def test_it_is_readable_from_a_ring_until_it_is_cleared(bell: SocketBell) -> None:
    assert not is_readable(bell)
    bell.ring()
    assert is_readable(bell)
    bell.clear()
    assert not is_readable(bell)


def test_many_rings_are_cleared_at_once_and_it_rings_again(bell: SocketBell) -> None:
    for _ in range(3):
        for _ in range(10_000):
            bell.ring()
        bell.clear()
        assert not is_readable(bell)


def test_clearing_a_silent_bell_does_not_block(bell: SocketBell) -> None:
    bell.clear()
    bell.ring()
    assert is_readable(bell)


def test_after_its_end_nothing_is_written_to_a_descriptor_of_others(bell: SocketBell) -> None:
    bell.close()
    bell.close()
    reading, writing = os.pipe()
    try:
        bell.ring()
        bell.clear()
        assert not select.select([reading], [], [], 0)[0]
    finally:
        os.close(reading)
        os.close(writing)
