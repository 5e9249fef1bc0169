"""The socket of a session: whole frames, nothing that blocks, and an orderly end."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import pytest

from tests.helpers import Task, wait_until
from tests.websocket.client import RawClient
from tests.websocket.frames import TEXT
from zoldyq.pacing import Turnstile
from zoldyq.server.websocket.channel import Channel
from zoldyq.server.websocket.frames import text_frame

SEND_SECONDS = 0.3
LARGE = text_frame(b"x" * 500_000)
FOREVER = 30.0


@contextmanager
def connected(**options: Any) -> Iterator[tuple[Channel, RawClient]]:
    """A channel and its peer."""
    ours, theirs = socket.socketpair()
    with ours, RawClient(theirs) as peer:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        with Channel(ours, SEND_SECONDS, **options) as channel:
            yield channel, peer


@pytest.fixture
def ends() -> Iterator[tuple[Channel, RawClient]]:
    with connected() as ends:
        yield ends


def wait_while_pending(channel: Channel) -> None:
    while channel.pending:
        channel.wait(FOREVER)


class TestWriting:
    def test_what_the_kernel_does_not_take_is_kept_and_sent_later(
        self, ends: tuple[Channel, RawClient]
    ) -> None:
        channel, peer = ends
        channel.write(LARGE)
        channel.write(text_frame(b"behind"))
        assert channel.pending
        assert 0 < channel.taken < channel.written
        receiving = Task(lambda: [peer.receive(), peer.receive()])
        wait_while_pending(channel)
        assert receiving.result() == [(TEXT, b"x" * 500_000), (TEXT, b"behind")]
        assert channel.taken == channel.written

    def test_nothing_is_read_while_something_is_kept(self, ends: tuple[Channel, RawClient]) -> None:
        channel, peer = ends
        channel.write(LARGE)
        peer.send(b"abc")
        assert not channel.wait(0)
        Task(peer.receive)
        wait_while_pending(channel)
        assert channel.wait(FOREVER)
        assert channel.read() == b"abc"

    def test_a_peer_that_takes_nothing_is_given_up_in_time(
        self, ends: tuple[Channel, RawClient]
    ) -> None:
        channel, peer = ends
        began = monotonic()
        channel.write(LARGE)
        wait_while_pending(channel)
        assert monotonic() - began >= SEND_SECONDS
        assert channel.over
        taken = channel.taken
        channel.write(LARGE)
        assert channel.taken == taken
        arrived = b""
        while chunk := peer.sock.recv(65536):
            arrived += chunk
        assert arrived == LARGE[:taken]

    def test_each_byte_that_is_taken_gives_more_time(self, ends: tuple[Channel, RawClient]) -> None:
        channel, peer = ends
        channel.write(LARGE)
        began = monotonic()
        while monotonic() - began < 2 * SEND_SECONDS:
            peer.sock.recv(8192)
            channel.wait(0)
            sleep(SEND_SECONDS / 20)  # the slowness itself
        assert not channel.over

    def test_a_peer_that_has_gone_is_given_up_at_once(
        self, ends: tuple[Channel, RawClient]
    ) -> None:
        channel, peer = ends
        peer.sock.close()
        channel.write(LARGE)
        assert channel.over
        assert not channel.pending

    def test_a_half_close_is_the_end_where_the_peer_is_needed(self) -> None:
        with connected(needs_peer=True) as (channel, peer):
            channel.write(LARGE)
            peer.sock.shutdown(socket.SHUT_WR)
            wait_while_pending(channel)
            assert channel.over
            assert channel.taken < channel.written

    def test_a_half_close_lets_answers_pass_where_it_is_not(
        self, ends: tuple[Channel, RawClient]
    ) -> None:
        channel, peer = ends
        channel.write(LARGE)
        peer.sock.shutdown(socket.SHUT_WR)
        receiving = Task(peer.receive)
        wait_while_pending(channel)
        assert receiving.result() == (TEXT, b"x" * 500_000)

    def test_the_send_buffer_is_bounded_and_never_enlarged(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            for bound in (50_000, 100_000):
                with Channel(ours, SEND_SECONDS, send_buffer=bound):
                    assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * 50_000


class TestReading:
    def test_nothing_so_far_is_told_from_the_end(self, ends: tuple[Channel, RawClient]) -> None:
        channel, peer = ends
        assert channel.read() is None
        peer.sock.shutdown(socket.SHUT_WR)
        assert channel.wait(FOREVER)
        assert channel.read() == b""


class TestOtherThreads:
    def test_a_ring_ends_the_wait_and_is_kept_for_the_next(
        self, ends: tuple[Channel, RawClient]
    ) -> None:
        channel, _ = ends
        waiting = Task(lambda: channel.wait(FOREVER))
        channel.ring()
        assert waiting.result() is False
        channel.ring()
        assert channel.wait(FOREVER) is False

    def test_the_first_close_that_was_asked_for_is_the_one(
        self, ends: tuple[Channel, RawClient]
    ) -> None:
        channel, _ = ends
        channel.start_close(1001, "bye")
        channel.start_close(1008, "again")
        assert channel.farewell == b"\x88\x05\x03\xe9bye"
        assert channel.wait(FOREVER) is False

    def test_a_ring_before_and_after_its_time_is_harmless(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            channel = Channel(ours, SEND_SECONDS)
            channel.ring()
            with channel:
                channel.ring()
            channel.ring()

    def test_an_abort_ends_a_finish_at_once(self, ends: tuple[Channel, RawClient]) -> None:
        channel, _ = ends
        finishing = Task(lambda: channel.finish(FOREVER))
        channel.abort()
        finishing.result()
        assert channel.over


class TestFinish:
    def test_what_is_kept_is_sent_before_the_end(self, ends: tuple[Channel, RawClient]) -> None:
        channel, peer = ends
        channel.write(LARGE)
        finishing = Task(lambda: channel.finish(FOREVER))
        assert peer.receive() == (TEXT, b"x" * 500_000)
        peer.expect_end()
        peer.sock.close()
        finishing.result()

    def test_it_waits_for_the_peer_no_longer_than_it_may(
        self, ends: tuple[Channel, RawClient]
    ) -> None:
        channel, peer = ends
        channel.finish(0.01)
        peer.expect_end()

    def test_a_shorter_time_to_take_a_byte_holds_at_once(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs, Channel(ours, FOREVER) as channel:
            channel.write(LARGE * 10)
            finishing = Task(lambda: channel.finish(FOREVER, send_seconds=0.01))
            finishing.result(FOREVER / 2)
            assert channel.over


class TestTurnstile:
    @pytest.mark.skipif(not hasattr(select, "POLLRDHUP"), reason="only Linux tells in time")
    @pytest.mark.parametrize("needs_peer", [False, True])
    def test_sessions_whose_peers_leave_at_once_go_on_one_by_one(self, needs_peer: bool) -> None:
        turnstile = Turnstile(patience=60)
        with (
            connected(turnstile=turnstile, needs_peer=needs_peer) as (first, one),
            connected(turnstile=turnstile, needs_peer=needs_peer) as (second, other),
        ):
            one.sock.close()
            other.sock.close()
            assert first.wait(FOREVER)
            waiting = Task(lambda: second.wait(FOREVER))
            assert first.read() == b""
            assert not waiting.ended
            first.finish(FOREVER)
            assert not waiting.ended
            first.__exit__()
            assert waiting.result()

    def test_a_session_that_waits_again_lets_others_pass(self) -> None:
        turnstile = Turnstile(patience=60)
        with connected(turnstile=turnstile) as (channel, peer):
            peer.send(b"abc")
            peer.sock.shutdown(socket.SHUT_WR)
            for chunk in (b"abc", b""):
                assert channel.wait(FOREVER)
                assert channel.read() == chunk
            channel.write(LARGE)
            channel.wait(0)
            assert turnstile.passages == 2


class TestSignsOfLife:
    def test_messages_that_the_peer_takes_are_one(self, ends: tuple[Channel, RawClient]) -> None:
        channel, peer = ends
        channel.write(text_frame(b"a"))
        peer.receive()
        wait_until(channel.shows_life)
        assert not channel.shows_life()

    def test_messages_that_it_does_not_take_are_none(self, ends: tuple[Channel, RawClient]) -> None:
        channel, _ = ends
        channel.write(text_frame(b"a"))
        assert not channel.shows_life()

    def test_pings_that_its_kernel_takes_are_none(self, ends: tuple[Channel, RawClient]) -> None:
        channel, peer = ends
        channel.write_control(b"\x89\x00")
        peer.receive()
        assert not channel.shows_life()

    def test_bytes_that_were_not_read_are_one_until_the_next_look(
        self, ends: tuple[Channel, RawClient]
    ) -> None:
        channel, peer = ends
        peer.send(b"a")
        wait_until(channel.shows_life)
        assert not channel.shows_life()
        peer.send(b"a")
        wait_until(channel.shows_life)
