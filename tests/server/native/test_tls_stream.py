from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from unittest.mock import create_autospec

import pytest

from tests.certificates import shared_authority, shared_certificate
from tests.helpers import wait_until
from tests.server.native.test_handshakes import Turns
from tests.server.native.test_stream import answer
from zoldyq.contract.errors import TlsHandshakeFailed
from zoldyq.server.native.connection import Connection
from zoldyq.server.native.handshakes import HandshakePace
from zoldyq.server.native.tls_stream import TlsStream
from zoldyq.server.tls import Certificate


class Ends:
    """A stream after its handshake, and the client's socket."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        theirs.settimeout(10)
        self.refused: list[str] = []
        certificate = Certificate(str(shared_certificate()))
        self.loop = Turns()
        self.stream = TlsStream(ours, certificate, self.refused.append, HandshakePace(self.loop))
        self.theirs = theirs
        self.tls: ssl.SSLSocket

    def shake_hands(self) -> None:
        context = shared_authority().context()

        def client() -> None:
            self.tls = context.wrap_socket(self.theirs, server_hostname="localhost")

        thread = threading.Thread(target=client)
        thread.start()
        wait_until(lambda: self.step() is None and not thread.is_alive())
        self.step()  # the last message of the handshake

    def step(self) -> bytes | None:
        """Receive in a turn of its own."""
        self.loop.now += 1
        return self.stream.receive()


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    ends.shake_hands()
    yield ends
    ends.stream.close()
    ends.tls.close()


def test_what_comes_is_received_until_the_close_notify(ends: Ends) -> None:
    assert ends.stream.receive() is None
    ends.tls.send(b"abc")
    assert ends.stream.receive() == b"abc"
    space = bytearray(2)
    ends.tls.send(b"defg")
    assert ends.stream.receive_into(memoryview(space)) == 2
    assert ends.stream.pending, "the poller knows nothing of the rest"
    assert ends.stream.receive() == b"fg"
    assert not ends.stream.pending
    ends.tls.setblocking(False)
    with pytest.raises(ssl.SSLWantReadError):
        ends.tls.unwrap()
    assert ends.stream.at_end()
    assert ends.stream.receive() == b""


def test_what_at_end_looked_at_is_received_later(ends: Ends) -> None:
    ends.tls.send(b"abc")
    assert not ends.stream.at_end()
    assert ends.stream.pending
    space = bytearray(2)
    assert ends.stream.receive_into(memoryview(space)) == 2
    assert bytes(space) == b"ab"
    assert ends.stream.receive() == b"c"
    assert not ends.stream.pending


def test_a_large_answer_goes_out_in_order_and_counts_as_delivered_at_its_end(ends: Ends) -> None:
    large = bytes(range(256)) * 2000
    assert not ends.stream.send(answer(large))
    assert not ends.stream.send(answer(b"behind"))
    ends.tls.setblocking(False)
    received = b""
    while not received.endswith(b"behind"):
        with suppress(ssl.SSLWantReadError):  # a record has not come whole
            received += ends.tls.recv(1 << 16)
        ends.stream.flush()
    assert received == large + b"behind"
    assert ends.stream.unsent == 0
    assert ends.stream.take_back() is None


def test_what_is_not_out_is_given_back_last_one_first_and_never_arrives(ends: Ends) -> None:
    large = b"x" * 500_000
    ends.stream.send(answer(large))
    ends.stream.send(answer(b"behind"))
    returned = []
    while (reply := ends.stream.take_back()) is not None:
        returned.append(reply.body)
    assert returned == [b"behind", large]
    ends.stream.close()
    received = b""
    while data := ends.tls.recv(1 << 16):
        received += data
    assert len(received) < len(large)


def test_the_peer_sees_a_close_notify_at_the_end(ends: Ends) -> None:
    ends.tls.suppress_ragged_eofs = False
    ends.stream.send(answer(b"abc"))
    assert ends.stream.end_sending()
    assert ends.tls.recv(10) == b"abc"
    assert ends.tls.recv(10) == b""


def test_plain_http_is_refused_in_plain_text() -> None:
    ends = Ends()
    ends.theirs.send(b"GET / HTTP/1.1\r\n\r\n")
    assert ends.stream.receive() is None
    assert ends.stream.refusal is not None
    assert ends.stream.send(answer(b"no"))
    assert ends.theirs.recv(10) == b"no"
    ends.stream.close()
    ends.theirs.close()


@pytest.mark.parametrize("data", [b"\0\1", b"\x16\3\1\0\5nonsense"])
def test_what_begins_no_handshake_breaks_the_stream_and_is_counted(data: bytes) -> None:
    ends = Ends()
    ends.theirs.send(data)
    assert ends.stream.receive() == b""
    assert ends.stream.broken
    assert ends.refused == [TlsHandshakeFailed.code]
    ends.stream.close()
    ends.theirs.close()


def test_a_peer_that_leaves_in_the_handshake_is_no_refusal() -> None:
    ends = Ends()
    ends.theirs.close()
    assert ends.stream.receive() == b""
    assert ends.refused == []
    ends.stream.close()


def greeting() -> bytes:
    """The first message of a client's handshake."""
    outgoing = ssl.MemoryBIO()
    context = shared_authority().context()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_a_handshake_that_does_not_come_to_its_end_is_counted() -> None:
    ends = Ends()
    ends.theirs.send(greeting())
    assert ends.stream.receive() is None
    ends.stream.close()
    assert ends.refused == [TlsHandshakeFailed.code]
    ends.theirs.close()


def test_in_a_turn_that_is_full_it_stands_in_line_until_it_is_admitted() -> None:
    ends = Ends()
    ends.theirs.send(greeting())
    pace = HandshakePace(ends.loop)
    while pace.admits():
        pass
    ends.stream._pace = pace
    assert ends.stream.receive() is None
    assert ends.stream.crowded
    assert not ends.stream.pending
    connection = create_autospec(Connection, instance=True)
    ends.stream.line_up(connection)
    ends.loop.run_again()
    assert ends.stream.pending
    assert ends.stream.receive() is None
    assert not ends.stream.crowded
    assert ends.theirs.recv(1 << 12), "the server's part of the handshake"
    ends.stream.close()
    ends.theirs.close()
