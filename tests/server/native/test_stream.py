from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from zoldyq.queue import Message
from zoldyq.server.native.http.engine import Answer
from zoldyq.server.native.stream import Outbox, PlainStream
from zoldyq.wire import Reply


def answer(response: bytes, *, carries: bool = True) -> Answer:
    delivered = (Message(b"1", 1),) if carries else None
    return Answer(response, Reply(200, response, queue_name="q", delivered=delivered))


def carried(kept: Outbox | PlainStream) -> list[bytes]:
    """The bodies of all replies that are not delivered, last one first."""
    if isinstance(kept, PlainStream):
        return [] if kept._outbox is None else carried(kept._outbox)
    kept.forget_delivered()
    return [reply.body for _, reply in reversed(kept._undelivered)]


class TestOutbox:
    def test_a_reply_is_delivered_with_the_last_byte_of_its_response(self) -> None:
        outbox = Outbox()
        for response in (b"abc", b"de", b"f"):
            outbox.add(answer(response))
        assert bytes(outbox.view()) == b"abcdef"
        left = []
        while outbox.view():
            outbox.sent += 1
            left.append(carried(outbox))
        assert left == [
            *([[b"f", b"de", b"abc"]] * 2),
            *([[b"f", b"de"]] * 2),
            [b"f"],
            [],
        ]

    def test_what_is_added_while_something_is_sent_comes_behind_it(self) -> None:
        outbox = Outbox()
        outbox.add(answer(b"abc"))
        assert bytes(outbox.view()) == b"abc"
        outbox.sent += 1
        outbox.add(answer(b"de"))
        assert outbox.size == 4
        assert bytes(outbox.view()) == b"bc"
        outbox.sent += 2
        assert bytes(outbox.view()) == b"de"
        assert carried(outbox) == [b"de"]

    def test_what_is_not_delivered_is_given_back_last_one_first(self) -> None:
        outbox = Outbox()
        for response in (b"abc", b"de"):
            outbox.add(answer(response))
        returned = []
        while (reply := outbox.take_back()) is not None:
            returned.append(reply.body)
        assert returned == [b"de", b"abc"]

    def test_replies_without_messages_are_not_kept(self) -> None:
        outbox = Outbox()
        outbox.add(answer(b"abc", carries=False))
        assert carried(outbox) == []


class Ends:
    """A stream with a small buffer, and the peer's socket."""

    def __init__(self) -> None:
        ours, self.theirs = socket.socketpair()
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.theirs.settimeout(10)
        self.stream = PlainStream(ours)


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.stream.close()
    ends.theirs.close()


class TestPlainStream:
    def test_what_comes_is_received_until_the_end(self, ends: Ends) -> None:
        assert ends.stream.receive() is None
        ends.theirs.send(b"abc")
        assert not ends.stream.at_end()
        assert ends.stream.receive() == b"abc"
        space = bytearray(5)
        assert ends.stream.receive_into(memoryview(space)) is None
        ends.theirs.send(b"de")
        assert ends.stream.receive_into(memoryview(space)) == 2
        ends.theirs.shutdown(socket.SHUT_WR)
        assert ends.stream.at_end()
        assert ends.stream.receive() == b""
        assert ends.stream.receive_into(memoryview(space)) == 0
        assert ends.stream.discard()
        assert not ends.stream.broken

    def test_a_small_answer_is_out_at_once(self, ends: Ends) -> None:
        assert ends.stream.send(answer(b"abc"))
        assert ends.stream.unsent == 0
        assert ends.theirs.recv(10) == b"abc"

    def test_what_was_kept_goes_out_with_one_flush(self, ends: Ends) -> None:
        for response in (b"abc", b"de"):
            ends.stream.add(answer(response))
        assert ends.stream.unsent == 5
        assert carried(ends.stream) == [b"de", b"abc"]
        assert ends.stream.flush()
        assert carried(ends.stream) == []
        assert ends.theirs.recv(10) == b"abcde"

    def test_a_large_answer_goes_out_piece_by_piece_in_order(self, ends: Ends) -> None:
        large = b"x" * 500_000
        assert not ends.stream.send(answer(large))
        assert not ends.stream.send(answer(b"behind"))
        assert carried(ends.stream) == [b"behind", large]
        received = b""
        while not received.endswith(b"behind"):
            received += ends.theirs.recv(1 << 16)
            ends.stream.flush()
        assert received == large + b"behind"
        assert ends.stream.unsent == 0
        assert carried(ends.stream) == []

    def test_a_broken_one_says_so_and_keeps_what_it_could_not_send(self, ends: Ends) -> None:
        ends.theirs.close()
        assert not ends.stream.send(answer(b"abc"))
        assert ends.stream.broken
        assert carried(ends.stream) == [b"abc"]
        assert not ends.stream.end_sending() or ends.stream.receive() == b""

    def test_the_peer_sees_the_end_of_what_was_sent(self, ends: Ends) -> None:
        ends.stream.send(answer(b"abc"))
        assert ends.stream.end_sending()
        assert ends.theirs.recv(10) == b"abc"
        assert ends.theirs.recv(10) == b""
        ends.theirs.send(b"more")
        assert not ends.stream.discard()
