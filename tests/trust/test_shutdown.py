"""SIGTERM in the middle of everything: what was accepted is what was delivered or logged."""

from __future__ import annotations

import re
import threading
from functools import partial

import pytest

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.helpers import Task, wait_until
from tests.trust.audit import held_up
from tests.trust.conftest import Serve
from tests.trust.leaving import ASK
from tests.trust.ledger import Ledger
from tests.trust.parties import Stream, consume, produce, produce_websocket

#: More messages than there is time for.
EACH = 1_000_000


def dropped(server: ServerProcess) -> int:
    """What the log of a server that has ended says it dropped."""
    assert server.exit_code() == 0
    found = re.findall(r"dropped (\d+) messages? of queue q\b", server.log.read_text())
    return sum(map(int, found))


def assert_accounts(server: ServerProcess, ledger: Ledger) -> None:
    """Whose request was cut off may have been accepted; for all others the count is exact."""
    logged = dropped(server)
    assert not ledger.unexpected
    assert not ledger.overtaken
    assert ledger.accepted <= ledger.received + logged <= ledger.accepted + ledger.unanswered


@pytest.mark.parametrize("drain_seconds", [0, 0.5])
def test_in_the_middle_of_everything(serve: Serve, ledger: Ledger, drain_seconds: float) -> None:
    """With time to drain everybody is answered, so that the count is exact."""
    server = serve(drain_seconds=drain_seconds, default_queue_capacity=1_000_000)
    address = server.address
    # More than can be drained, also while the stream is seen off, so that something is dropped.
    backlog = 100_000
    produce(address, "q", ledger, 0, backlog, batch=10_000)
    never = threading.Event()
    stream = Stream(address, "q", "?credit=1000")
    parties = [
        Task(partial(produce, address, "q", ledger, 1, EACH)),
        Task(partial(produce, address, "q", ledger, 2, EACH, batch=40)),
        Task(partial(produce_websocket, server.url, "q", ledger, 3, EACH)),
        *(Task(partial(consume, address, "q", ledger, never, 1 + n)) for n in (0, 1)),
    ]
    reader = Task(partial(stream.read_to_the_end, ledger.receiver()))
    wait_until(lambda: ledger.accepted > backlog + 500 and ledger.received > 500)
    server.signal()
    for party in parties:
        party.result()
    assert reader.result() == 1001
    assert dropped(server) > 0
    assert not (drain_seconds and ledger.unanswered)
    assert_accounts(server, ledger)


def test_with_a_response_half_way_out(serve: Serve, ledger: Ledger) -> None:
    """A response that is cut off delivers nothing: its message is among those dropped."""
    server = serve(drain_seconds=0)
    produce(server.address, "q", ledger, 0, 3, size=6_000_000)
    api = Api(server.address)
    with api.wire() as wire:
        wire.send(ASK)
        wait_until(lambda: api.stats("q")["size"] == 2)
        server.signal()
        assert server.exit_code() == 0
        body = wire.rest().partition(b"\r\n\r\n")[2]
        assert len(body) < 6_000_000
    assert dropped(server) == 3


@pytest.mark.parametrize(("count", "size"), [(3_000, 4_000), (3, 6_000_000)])
def test_with_a_stream_that_reads_nothing(
    serve: Serve, ledger: Ledger, count: int, size: int
) -> None:
    """It holds the exit up for no longer than sending may take; the rest is dropped and logged."""
    server = serve(drain_seconds=0, send_seconds=2)
    produce(server.address, "q", ledger, 0, count, batch=max(400_000 // size, 1), size=size)
    api = Api(server.address)
    stream = Stream(server.address, "q")
    held_up(api, "q")
    server.signal()
    assert server.exit_code() == 0
    stream.read_to_the_end(ledger.receiver())
    assert ledger.received < count
    assert_accounts(server, ledger)
