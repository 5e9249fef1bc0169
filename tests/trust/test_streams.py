"""WebSocket consumers that stop reading, vanish or say goodbye while a burst is on its way."""

from __future__ import annotations

from functools import partial

import pytest

from tests.contract.raw import Api
from tests.helpers import Task, wait_until
from tests.trust.audit import agreed_stats, audit, held_up, metrics
from tests.trust.conftest import Serve
from tests.trust.leaving import LEAVE
from tests.trust.ledger import Ledger
from tests.trust.parties import Stream, produce

COUNT, SIZE = 3_000, 4_000
#: What the kernel takes at the most for a peer that reads nothing: the send buffer of a stream, and
#: what the peer's kernel receives at first. A peer that dies then may take that much along.
KERNEL_MESSAGES = (1 << 20) // SIZE


@pytest.fixture(params=["", "?count=10"], ids=["single", "batched"])
def query(request: pytest.FixtureRequest) -> str:
    """One message a frame, and several."""
    return str(request.param)


def fill(api: Api, ledger: Ledger) -> None:
    """Enqueue far more than the kernel buffers for one connection."""
    produce(api.address, "q", ledger, 0, COUNT, batch=100, size=SIZE)


@pytest.fixture
def filled(api: Api, ledger: Ledger) -> Api:
    """The usual server, with messages in its queue."""
    fill(api, ledger)
    return api


def sessions(api: Api) -> float:
    return metrics(api)["zoldyq_websocket_sessions", ""]


def test_one_that_reads_nothing_is_given_up(serve: Serve, ledger: Ledger, query: str) -> None:
    """What the kernel took whole can still be read; all the rest has gone back, in order."""
    api = Api(serve(send_seconds=0.5).address)
    fill(api, ledger)
    stream = Stream(api.address, "q", query)
    wait_until(lambda: api.stats("q").get("put_back_total", 0) > 0)
    wait_until(lambda: sessions(api) == 0)
    stream.read_to_the_end(ledger.receiver())
    assert 0 < ledger.received < COUNT
    assert audit(api, "q", ledger) == 0


def test_one_that_is_frozen_holds_no_more_than_its_credit(filled: Api, ledger: Ledger) -> None:
    credit = 7
    stream = Stream(filled.address, "q", f"?credit={credit}")
    held_up(filled, "q")
    assert filled.stats("q")["size"] == COUNT - credit
    stream.wire.reset()
    assert audit(filled, "q", ledger, at_most_lost=credit) <= credit
    assert agreed_stats(filled, "q")["put_back_total"] == 0


@pytest.mark.parametrize("manner", ["fin", "reset"])
def test_one_that_vanishes_in_a_burst(filled: Api, ledger: Ledger, query: str, manner: str) -> None:
    """Lost is at most what the kernel had taken for it."""
    stream = Stream(filled.address, "q", query)
    held_up(filled, "q")
    LEAVE[manner](stream.wire)
    lost = audit(filled, "q", ledger, at_most_lost=KERNEL_MESSAGES)
    assert lost > 0, "nothing was on its way"
    assert agreed_stats(filled, "q")["put_back_total"] > 0


def test_one_that_says_goodbye_in_a_burst(filled: Api, ledger: Ledger, query: str) -> None:
    """It reads on until the server closes, and then nothing is lost."""
    stream = Stream(filled.address, "q", query)
    held_up(filled, "q")
    stream.say_goodbye()
    assert Task(partial(stream.read_to_the_end, ledger.receiver())).result() == 1000
    assert 0 < ledger.received < COUNT
    assert audit(filled, "q", ledger) == 0


def test_one_that_half_closes_in_a_burst(filled: Api, ledger: Ledger, query: str) -> None:
    """A stream waits for messages to come, so that this is a hang-up; what came can be read."""
    stream = Stream(filled.address, "q", query)
    held_up(filled, "q")
    stream.wire.half_close()
    stream.read_to_the_end(ledger.receiver())
    assert 0 < ledger.received < COUNT
    assert audit(filled, "q", ledger) == 0
