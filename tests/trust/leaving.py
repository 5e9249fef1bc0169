"""Consumers that leave in every way and at every point of a dequeue."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence

from tests.contract.raw import Wire, request_bytes
from tests.trust.ledger import Ledger, Receiver
from tests.trust.parties import LOOK, Address, Stream

#: The ways to leave. A client that closes only one half can still read what comes.
LEAVE: dict[str, Callable[[Wire], None]] = {
    "fin": lambda wire: wire.socket.close(),
    "reset": Wire.reset,
    "half-close": Wire.half_close,
}

ASK = request_bytes("GET", "/queues/q/dequeue")
WAIT = request_bytes("GET", "/queues/q/dequeue?timeout=60")

#: The messages that one departure can cost, because they were on their way to it. An HTTP consumer
#: asks for one, and a stream holds as many as its credit allows.
CREDIT = 5


def read_what_comes(wire: Wire, manner: str, receiver: Receiver) -> None:
    """After a half-close: take down the answer, if the server gives one before it closes."""
    if manner != "half-close":
        return
    if not wire.is_closed():
        response = wire.response()
        if response.status == 200:
            receiver.take([response.json()["payload"]])
    wire.socket.close()


Visit = Callable[[Address, random.Random, Receiver], int]


def visit_http(
    address: Address,
    dice: random.Random,
    receiver: Receiver,
    queue: str = "q",
    manners: Sequence[str] = tuple(LEAVE),
) -> int:
    """Ask, perhaps wait, and leave at some point; return how many messages that may have cost."""
    manner = dice.choice(sorted(manners))
    with Wire(address) as wire:
        query = dice.choice(["", f"?timeout={LOOK}"])
        request = request_bytes("GET", f"/queues/{queue}/dequeue{query}")
        sent = dice.choice([len(request) // 2, len(request)])
        wire.send(request[:sent])
        if sent == len(request) and dice.random() < 0.3:
            response = wire.response()
            if response.status == 200:
                receiver.take([response.json()["payload"]])
            return 0
        LEAVE[manner](wire)
        read_what_comes(wire, manner, receiver)
    return int(sent == len(request) and manner != "half-close")


def visit_stream(
    address: Address, dice: random.Random, receiver: Receiver, queue: str = "q"
) -> int:
    """Open a stream and leave it, in good order or not; return what that may have cost."""
    stream = Stream(address, queue, f"?credit={CREDIT}")
    manner = dice.choice(["goodbye", "fin", "reset"])
    if manner == "goodbye":
        stream.say_goodbye()
        assert stream.read_to_the_end(receiver) == 1000
        return 0
    LEAVE[manner](stream.wire)
    return CREDIT


def visit_again_and_again(
    visit: Visit, address: Address, seed: int, ledger: Ledger, over: threading.Event
) -> int:
    """Visit until it is over, and return how many messages that may have cost in all."""
    dice = random.Random(seed)
    cost = 0
    while not over.is_set():
        cost += visit(address, dice, ledger.receiver())
    return cost
