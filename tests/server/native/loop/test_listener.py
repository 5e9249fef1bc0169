from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator

import pytest

from tests.helpers import wait_until
from tests.server.native.rig import ReactorThread
from zoldyq.server.native.loop.listener import Listener
from zoldyq.server.sockets import open_tcp

Peer = tuple[str, int]


class Exhausted:
    """A listening socket in a process without descriptors left, for some calls."""

    def __init__(self, sock: socket.socket, failures: list[int]) -> None:
        self._sock = sock
        self._failures = failures
        self.calls: list[float] = []

    @property
    def family(self) -> int:
        return self._sock.family

    def fileno(self) -> int:
        return self._sock.fileno()

    def accept(self) -> tuple[socket.socket, Peer]:
        self.calls.append(time.monotonic())
        if self._failures:
            raise OSError(self._failures.pop(), "injected")
        return self._sock.accept()

    def close(self) -> None:
        self._sock.close()


@pytest.fixture
def loop() -> Iterator[ReactorThread]:
    with ReactorThread() as loop:
        yield loop


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    (sock,) = open_tcp("127.0.0.1", 0, 10)
    yield sock
    sock.close()


def test_connections_are_set_up_and_handed_on(
    loop: ReactorThread, listening: socket.socket
) -> None:
    accepted: list[tuple[socket.socket, Peer]] = []
    loop.call(
        lambda: Listener(listening, loop.reactor, lambda sock, peer: accepted.append((sock, peer)))
    )
    clients = [socket.create_connection(listening.getsockname()) for _ in range(5)]
    wait_until(lambda: len(accepted) == 5)
    assert {peer for _, peer in accepted} == {client.getsockname() for client in clients}
    for sock, _ in accepted:
        assert sock.gettimeout() == 0
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        sock.close()
    for client in clients:
        client.close()


def test_a_closed_one_refuses(loop: ReactorThread, listening: socket.socket) -> None:
    listener = loop.call(lambda: Listener(listening, loop.reactor, lambda *_: None))
    address = listening.getsockname()
    loop.call(listener.close)
    loop.call(listener.close)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS])
def test_without_descriptors_it_pauses_and_goes_on(
    loop: ReactorThread, listening: socket.socket, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    accepted: list[socket.socket] = []
    exhausted = Exhausted(listening, [code] * 2)
    loop.call(
        lambda: Listener(
            exhausted,  # type: ignore[arg-type]
            loop.reactor,
            lambda sock, _: accepted.append(sock),
        )
    )
    with socket.create_connection(listening.getsockname()):
        wait_until(lambda: len(accepted) == 1)
    accepted[0].close()
    assert caplog.text.count("cannot accept connections for now") == 1  # and not twice
    first, second, third, *_ = exhausted.calls
    assert min(second - first, third - second) >= 0.09  # it did not spin in between


def test_a_client_that_left_the_backlog_is_passed_over(
    loop: ReactorThread, listening: socket.socket
) -> None:
    accepted: list[socket.socket] = []
    exhausted = Exhausted(listening, [errno.ECONNABORTED])
    loop.call(
        lambda: Listener(
            exhausted,  # type: ignore[arg-type]
            loop.reactor,
            lambda sock, _: accepted.append(sock),
        )
    )
    with socket.create_connection(listening.getsockname()):
        wait_until(lambda: len(accepted) == 1)
    accepted[0].close()
