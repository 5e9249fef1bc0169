"""What the kernel tells of a socket's buffers."""

from __future__ import annotations

import socket
import sys

import pytest

from tests.helpers import wait_until
from zoldyq.server.websocket import socket_bytes
from zoldyq.server.websocket.socket_bytes import unacknowledged_bytes, unread_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


def tcp_pair(receive_buffer: int = 0) -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if receive_buffer:  # the peer's, told to this end when it connects
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    return ours, theirs


def test_bytes_that_were_not_read_are_counted() -> None:
    ours, theirs = tcp_pair()
    with ours, theirs:
        assert unread_bytes(ours) == 0
        theirs.send(b"abc")
        wait_until(lambda: unread_bytes(ours) == 3)
        ours.recv(2)
        assert unread_bytes(ours) == 1


def test_bytes_that_the_peer_has_no_room_for_are_unacknowledged() -> None:
    ours, theirs = tcp_pair(receive_buffer=4096)
    with ours, theirs:
        ours.setblocking(False)
        ours.send(b"x" * 20_000)  # not more: a small window opens slowly
        assert unacknowledged_bytes(ours) > 0
        ours.setblocking(True)
        while unacknowledged_bytes(ours):
            assert theirs.recv(1 << 20)


def test_a_system_that_does_not_tell_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = tcp_pair()
    with ours, theirs:
        theirs.send(b"abc")
        wait_until(lambda: unread_bytes(ours) == 3)
        monkeypatch.setattr(socket_bytes, "_INCOMING", None)
        assert unread_bytes(ours) == 0
