"""Waiting for a socket and a bell, with poll(2) and with select(2)."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.helpers import wait_until
from zoldyq.server.websocket.bell import SocketBell
from zoldyq.server.websocket.watch import (
    HUNG_UP,
    READABLE,
    WRITABLE,
    PollWatch,
    SelectWatch,
    Watch,
    watch,
)

FOREVER = 30.0


def poll_watch(sock: socket.socket, bell: SocketBell) -> Watch:
    return PollWatch(sock, bell, hang_ups=True)


@pytest.fixture(params=[poll_watch, SelectWatch], ids=["poll", "select"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[Watch, socket.socket, SocketBell]]:
    """What is watched: a socket, whose peer is returned, and a bell."""
    ours, theirs = socket.socketpair()
    bell = SocketBell()
    make: Callable[[socket.socket, SocketBell], Watch] = request.param
    with ours, theirs:
        ours.setblocking(False)
        yield make(ours, bell), theirs, bell
    bell.close()


Ends = tuple[Watch, socket.socket, SocketBell]


def test_it_returns_when_the_time_is_up(ends: Ends) -> None:
    assert ends[0].wait(0.001, writes=False) == 0


def test_bytes_and_the_end_of_them_are_reported_as_readable(ends: Ends) -> None:
    seen, peer, _ = ends
    peer.send(b"x")
    assert seen.wait(FOREVER, writes=False) == READABLE
    peer.close()
    assert seen.wait(FOREVER, writes=False) & READABLE


def test_with_something_to_write_bytes_are_not_reported(ends: Ends) -> None:
    seen, peer, _ = ends
    peer.send(b"x")
    assert seen.wait(FOREVER, writes=True) == WRITABLE
    assert seen.wait(FOREVER, writes=False) == READABLE


def test_a_ring_ends_the_wait_once(ends: Ends) -> None:
    seen, _, bell = ends
    bell.ring()
    assert seen.wait(FOREVER, writes=False) == 0
    assert seen.wait(0, writes=False) == 0
    bell.ring()
    assert seen.wait(FOREVER, writes=False) == 0


def test_a_ring_does_not_hide_what_there_is_to_read(ends: Ends) -> None:
    seen, peer, bell = ends
    peer.send(b"x")
    bell.ring()
    assert seen.wait(FOREVER, writes=False) == READABLE


@pytest.mark.skipif(not hasattr(select, "POLLRDHUP"), reason="only Linux tells")
def test_a_hang_up_is_seen_while_there_is_something_to_write() -> None:
    ours, theirs = socket.socketpair()
    bell = SocketBell()
    with ours, theirs:
        deaf = PollWatch(ours, bell, hang_ups=False)
        seen = PollWatch(ours, bell, hang_ups=True)
        theirs.shutdown(socket.SHUT_WR)
        wait_until(lambda: bool(seen.wait(0, writes=True) & HUNG_UP))
        assert deaf.wait(0, writes=True) == WRITABLE
        assert deaf.wait(0, writes=False) == READABLE | HUNG_UP
    bell.close()


def test_each_system_gets_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    bell = SocketBell()
    with ours, theirs:
        if hasattr(select, "poll"):
            assert isinstance(watch(ours, bell, hang_ups=True), PollWatch)
            monkeypatch.delattr(select, "poll")
        assert isinstance(watch(ours, bell, hang_ups=True), SelectWatch)
    bell.close()


def test_a_time_beyond_what_the_system_takes_is_no_error(ends: Ends) -> None:
    seen, _, bell = ends
    bell.ring()
    assert seen.wait(1e12, writes=False) == 0
