"""One connection, to a server that answers as the test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import hiredis
import pytest

from tests.engine.fake import HELLO, FakeServer, bulk
from tests.helpers import wait_until
from zoldyq.engine.address import Address
from zoldyq.engine.link import Link, LinkLost
from zoldyq.server.native.loop.reactor import Reactor

PUSH = b">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$4\r\nring\r\n"
SUBSCRIBED = b">3\r\n$10\r\nssubscribe\r\n$1\r\nc\r\n:1\r\n"


@pytest.fixture
def loop() -> Iterator[Reactor]:
    reactor = Reactor("test", lambda second: None)
    thread = threading.Thread(target=reactor.run, daemon=True)
    thread.start()
    yield reactor
    reactor.stop()
    thread.join(10)


class Opened:
    """A link, and what it told its owner."""

    def __init__(self, loop: Reactor, port: int, *, primary_only: bool = False) -> None:
        self.ready: list[Link] = []
        self.lost: list[str] = []
        self.pushes: list[Sequence[Any]] = []
        self.replies: list[Any] = []
        node = ("127.0.0.1", port)

        def open_link() -> None:
            self.link = Link(
                loop,
                node,
                Address("single", (node,)),
                timeout=5,
                prepare=[],
                on_ready=self.ready.append,
                on_lost=lambda _link, reason: self.lost.append(str(reason)),
                on_push=self.pushes.append,
                primary_only=primary_only,
            )

        self.do = loop.post
        self.do(open_link)
        wait_until(lambda: bool(self.ready or self.lost))


def answering(**replies: bytes) -> Callable[[list[bytes]], bytes]:
    return lambda command: {"HELLO": HELLO, **replies}.get(command[0].decode(), b"+OK\r\n")


@pytest.mark.parametrize(
    ("answer", "refused"),
    [(SUBSCRIBED, False), (PUSH + SUBSCRIBED + PUSH, False), (b"-MOVED 1 a:1\r\n", True)],
)
def test_a_subscription_shifts_no_reply_whether_it_is_accepted_or_not(
    loop: Reactor, answer: bytes, refused: bool
) -> None:
    with FakeServer(answering(SSUBSCRIBE=answer, GET=bulk("value"), SET=bulk("set"))) as server:
        opened = Opened(loop, server.port)

        def ask() -> None:
            opened.link.send(["SET", "k", "v"], opened.replies.append)
            opened.link.subscribe("SSUBSCRIBE", "c", opened.replies.append)
            opened.link.send(["GET", "k"], opened.replies.append)
            opened.link.flush()

        opened.do(ask)
        wait_until(lambda: len(opened.replies) == 2 + refused)
        assert [opened.replies[0], opened.replies[-1]] == [b"set", b"value"]
        if refused:
            assert isinstance(opened.replies[1], hiredis.ReplyError)
        assert len(opened.pushes) == answer.count(PUSH)
        opened.do(opened.link.close)
        wait_until(lambda: bool(opened.lost))


def test_a_replica_is_not_used_where_only_a_primary_will_do(loop: Reactor) -> None:
    replica = HELLO.replace(b"$6\r\nmaster", b"$7\r\nreplica")
    with FakeServer(answering(HELLO=replica)) as server:
        opened = Opened(loop, server.port, primary_only=True)
        assert opened.lost == [f"127.0.0.1:{server.port} is a replica"]
        assert opened.ready == []


def test_what_ends_the_set_up_is_told_with_the_name_of_the_server(loop: Reactor) -> None:
    with FakeServer(answering(HELLO=b"-LOADING Redis is loading\r\n")) as server:
        opened = Opened(loop, server.port)
        assert opened.lost == [f"127.0.0.1:{server.port} says LOADING Redis is loading"]


def test_commands_without_a_reply_learn_that_the_connection_ended(loop: Reactor) -> None:
    with FakeServer(answering(GET=b"")) as server:
        opened = Opened(loop, server.port)
        opened.do(lambda: opened.link.send(["GET", "k"], opened.replies.append))
        opened.do(opened.link.close)
        wait_until(lambda: bool(opened.replies))
        assert isinstance(opened.replies[0], LinkLost)
