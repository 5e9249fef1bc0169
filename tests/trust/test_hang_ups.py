"""Consumers that leave at every point of a long poll and of a response, over HTTP.

The one thing that cannot be known is whether a peer that died has read what the kernel had taken
for it. That is at most the response that it had asked for, and counted in each scenario.
"""

from __future__ import annotations

import socket
from functools import partial

import pytest

from tests.contract.raw import Api, Wire
from tests.helpers import Task, wait_until
from tests.trust.audit import agreed_stats, audit
from tests.trust.leaving import ASK, LEAVE, WAIT, read_what_comes
from tests.trust.ledger import Ledger
from tests.trust.parties import produce, set_buffer

#: More than the kernel takes for a client that reads nothing: up to 4 MiB, on both sides together.
LARGE = 6_000_000


@pytest.fixture(params=LEAVE)
def manner(request: pytest.FixtureRequest) -> str:
    """Each way to leave in turn."""
    return str(request.param)


def waiting(api: Api) -> int:
    return int(api.stats("q")["waiting_consumers"])


def put_back(api: Api) -> int:
    return int(agreed_stats(api, "q")["put_back_total"])


def park(api: Api) -> Wire:
    """A consumer that waits."""
    before = waiting(api)
    wire = api.wire()
    wire.send(WAIT)
    wait_until(lambda: waiting(api) > before)
    return wire


def together(wire: Wire) -> None:
    """Have the request and the departure arrive in one packet, where the system can do so."""
    if hasattr(socket, "TCP_CORK"):
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)


def ask_for_a_large_one(api: Api, ledger: Ledger) -> Wire:
    """A consumer in whose direction the first of three large messages is on its way."""
    produce(api.address, "q", ledger, 0, 3, size=LARGE)
    wire = api.wire()
    wire.send(ASK)
    wait_until(lambda: api.stats("q")["size"] == 2)
    return wire


def test_in_the_middle_of_the_request(api: Api, ledger: Ledger, manner: str) -> None:
    produce(api.address, "q", ledger, 0, 10)
    for size in range(1, len(ASK)):
        with api.wire() as wire:
            wire.send(ASK[:size])
            LEAVE[manner](wire)
    assert audit(api, "q", ledger) == 0
    assert put_back(api) == 0


def test_while_waiting(api: Api, ledger: Ledger, manner: str) -> None:
    """Nothing is taken for them: every message finds its way at once."""
    victims = [park(api) for _ in range(20)]
    for victim in victims:
        LEAVE[manner](victim)
    wait_until(lambda: waiting(api) == 0)
    produce(api.address, "q", ledger, 0, 50)
    assert audit(api, "q", ledger) == 0
    assert put_back(api) == 0
    for victim in victims:
        victim.socket.close()


def test_in_the_moment_in_which_the_message_comes(api: Api, ledger: Ledger, manner: str) -> None:
    """A producer and departures race. A client that can still read misses nothing."""
    victims = [park(api) for _ in range(40)]
    producer = Task(partial(produce, api.address, "q", ledger, 0, len(victims)))
    for victim in victims:
        LEAVE[manner](victim)
        read_what_comes(victim, manner, ledger.receiver())
    producer.result()
    audit(api, "q", ledger, at_most_lost=0 if manner == "half-close" else len(victims))


def test_with_the_answer_on_its_way(api: Api, ledger: Ledger, manner: str) -> None:
    """They ask for what is there and leave without reading: no waiting, so a half-close is fine."""
    victims = 40
    produce(api.address, "q", ledger, 0, victims + 10)
    receiver = ledger.receiver()
    for _ in range(victims):
        with api.wire() as wire:
            together(wire)
            wire.send(ASK)
            LEAVE[manner](wire)
            read_what_comes(wire, manner, receiver)
    if manner == "half-close":
        assert ledger.received == victims
        assert put_back(api) == 0
    audit(api, "q", ledger, at_most_lost=0 if manner == "half-close" else victims)


@pytest.mark.parametrize("manner", ["fin", "reset"])
@pytest.mark.parametrize("read", [0, 1, 1_000, 1_000_000])
def test_in_the_middle_of_a_large_body(api: Api, ledger: Ledger, manner: str, read: int) -> None:
    """What was not taken whole goes back, and comes first again."""
    with ask_for_a_large_one(api, ledger) as wire:
        set_buffer(wire, 1 << 16)  # or the more is read, the more the kernel would take
        received = 0
        while received < read:
            received += len(wire.socket.recv(read - received))
        LEAVE[manner](wire)
    assert audit(api, "q", ledger) == 0
    assert put_back(api) == 1


def test_half_closed_in_the_middle_of_a_large_body(api: Api, ledger: Ledger) -> None:
    """A client that sends nothing more still gets all of it, and it goes to nobody else."""
    with ask_for_a_large_one(api, ledger) as wire:
        wire.half_close()
        read_what_comes(wire, "half-close", ledger.receiver())
    assert ledger.received == 1
    assert audit(api, "q", ledger) == 0
    assert put_back(api) == 0


def test_after_the_answer(api: Api, ledger: Ledger, manner: str) -> None:
    """What was read counts as delivered, and comes to nobody else."""
    produce(api.address, "q", ledger, 0, 30)
    receiver = ledger.receiver()
    for _ in range(20):
        with api.wire() as wire:
            wire.send(ASK)
            receiver.take([wire.response().json()["payload"]])
            LEAVE[manner](wire)
    assert audit(api, "q", ledger) == 0
    assert put_back(api) == 0
