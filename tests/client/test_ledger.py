"""Accounting of a stream: grants, and rounds of putting back, whatever is on its way."""

from __future__ import annotations

import json
import random

import pytest

from zoldyq.client.errors import UnexpectedReply
from zoldyq.client.ledger import Ledger


class Server:
    """What a server does with a session, and a way on which frames take their time."""

    def __init__(self, messages: int) -> None:
        self.queue = list(range(messages))
        self.credit = 0
        self.unsettled: list[int] = []
        self.way: list[str] = []

    def push(self, count: int) -> None:
        """Send up to so many messages."""
        count = min(count, self.credit, len(self.queue))
        if count:
            sent, self.queue = self.queue[:count], self.queue[count:]
            self.credit -= count
            self.unsettled += sent
            messages = [{"payload": number, "enqueued_at": 0} for number in sent]
            self.way.append(json.dumps({"messages": messages}))

    def hear(self, text: str) -> None:
        """Do what the client says."""
        said = json.loads(text)
        if credit := said.get("credit"):
            self.credit += credit
            del self.unsettled[:credit]
            return
        count = said["put_back"]
        assert count <= len(self.unsettled)
        cut = len(self.unsettled) - count
        self.queue = self.unsettled[cut:] + self.queue
        del self.unsettled[cut:]
        if said["stop"]:
            self.credit = 0
        self.way.append(json.dumps({"put_back": count}))


@pytest.mark.parametrize("seed", range(200))
def test_every_message_is_handed_out_or_back_in_the_queue_in_order(seed):
    choose = random.Random(seed)
    server = Server(choose.randrange(60))
    total = len(server.queue)
    ledger = Ledger(choose.randrange(1, 20), float("inf"), "http://x")
    server.credit = ledger.open()
    handed: list[int] = []
    for _ in range(choose.randrange(80)):
        server.push(choose.randrange(5))
        if server.way and choose.random() < 0.6:
            ledger.take(server.way.pop(0))
        if choose.random() < 0.6:
            if (text := ledger.grant()) is not None:
                server.hear(text)
            if (message := ledger.next()) is not None:
                handed.append(message.payload)
    rounds = 0
    while (text := ledger.put_back()) is not None:
        rounds += 1
        server.push(choose.randrange(5))  # before the server hears of the end
        server.hear(text)
        server.push(5)  # and after it
        while server.way:
            ledger.take(server.way.pop(0))
    assert rounds <= 2
    assert ledger.held == ()
    assert handed + server.queue == list(range(total))


def test_a_connection_that_fails_takes_no_credit_from_the_next():
    ledger = Ledger(10, 7, "http://x")
    assert [ledger.open() for _ in range(3)] == [7, 7, 7]


def test_a_limit_is_never_exceeded_by_grants():
    server = Server(100)
    ledger = Ledger(10, 25, "http://x")
    server.credit = ledger.open()
    handed = []
    while ledger.left:
        server.push(3)
        while server.way:
            ledger.take(server.way.pop(0))
        if (text := ledger.grant()) is not None:
            server.hear(text)
        if (message := ledger.next()) is not None:
            handed.append(message.payload)
    assert handed == list(range(25))
    assert server.queue == list(range(25, 100))
    assert ledger.put_back() is None


@pytest.mark.parametrize("text", ["hello", "[]", '{"put_back":"x"}', "{}", '{"put_back":3}'])
def test_what_no_server_says_is_told(text):
    with pytest.raises(UnexpectedReply):
        Ledger(1, 1, "http://x").take(text)
