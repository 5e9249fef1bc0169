"""The socket of a session: whole frames, one writer at a time, and an orderly end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from time import monotonic

import pytest

from tests.helpers import Task, run_all
from tests.websocket.server import TEXT, RawClient
from zoldyq.server.websocket.channel import Channel
from zoldyq.server.websocket.frames import close_frame, text_frame

SEND_SECONDS = 0.3


@pytest.fixture
def ends() -> Iterator[tuple[Channel, RawClient]]:
    """A channel whose handshake is done, and its peer."""
    ours, theirs = socket.socketpair()
    with ours, RawClient(theirs) as peer:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        channel = Channel(ours, SEND_SECONDS)
        channel.take_over()
        channel.write_control(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        peer.read_head()
        yield channel, peer


def test_frames_of_several_writers_do_not_mix(ends: tuple[Channel, RawClient]) -> None:
    channel, peer = ends
    texts = {bytes((letter,)) * 20_000 for letter in b"abc"}

    def write(text: bytes) -> None:
        for _ in range(20):
            assert channel.write(text_frame(text)) == len(text_frame(text))

    writing = Task(lambda: run_all([lambda text=text: write(text) for text in texts]))  # type: ignore[misc]
    received = [peer.receive() for _ in range(60)]
    writing.result()
    assert {frame.payload for frame in received} == texts


def test_a_peer_that_takes_nothing_is_given_up_in_time(ends: tuple[Channel, RawClient]) -> None:
    channel, peer = ends
    data = text_frame(b"x" * 500_000)
    began = monotonic()
    taken = channel.write(data)
    assert SEND_SECONDS <= monotonic() - began < 10 * SEND_SECONDS
    assert channel.closing
    assert channel.write(data) == 0
    arrived = b""
    while chunk := peer.sock.recv(65536):
        arrived += chunk
    assert arrived == data[:taken]


def test_nothing_follows_a_close_frame(ends: tuple[Channel, RawClient]) -> None:
    channel, peer = ends
    channel.write(text_frame(b"a"))
    channel.start_close(1001, "bye")
    channel.start_close(1008, "again")
    channel.write_control(close_frame(1000, ""))
    assert channel.write(text_frame(b"b")) == 0
    channel.answer(lambda: pytest.fail("it acts although it cannot answer"))
    channel.abort()
    assert peer.receive() == (TEXT, b"a")
    assert peer.receive_close() == 1001


def test_a_close_frame_waits_for_the_answer_before_it(ends: tuple[Channel, RawClient]) -> None:
    channel, peer = ends
    acting, act = threading.Event(), threading.Event()

    def answer() -> bytes:
        acting.set()
        assert act.wait(10)
        return text_frame(b"done")

    answering = Task(lambda: channel.answer(answer))
    assert acting.wait(10)
    channel.start_close(1001, "bye")
    seeing_off = Task(lambda: channel.linger(0.0))
    assert channel.closing
    act.set()
    answering.result()
    seeing_off.result()
    assert peer.receive() == (TEXT, b"done")
    assert peer.receive_close() == 1001


def test_the_answer_to_the_handshake_comes_before_a_close_frame() -> None:
    ours, theirs = socket.socketpair()
    with ours, RawClient(theirs) as peer:
        channel = Channel(ours, SEND_SECONDS)
        channel.start_close(1001, "bye")
        channel.write_control(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        channel.abort()
        peer.read_head()
        assert peer.receive_close() == 1001


def test_the_end_is_announced_before_the_peer_can_know(ends: tuple[Channel, RawClient]) -> None:
    channel, peer = ends
    peer.sock.setblocking(False)

    def nothing_came() -> None:
        with pytest.raises(BlockingIOError):
            peer.sock.recv(1)
        told.append(True)

    told: list[bool] = []
    channel.on_closing = nothing_came
    channel.start_close(1001, "bye")
    assert told == [True]
