"""A short run with every policy adds up, and the checks find what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contract.servers import KINDS, ServerProcess
from tests.trust.ledger import Identity
from tests.trust.policies import Monitor, account, run
from tests.trust.policy_lanes import Lane
from tests.trust.policy_parties import Life, now_us, payload_of
from zoldyq.contract.policy import Policy
from zoldyq.queue import MessageQueue

LANE = Lane("lane", {"capacity": 30, "ttl_seconds": 60})


@pytest.fixture
def life(usual: ServerProcess) -> Life:
    """A lane whose queue holds 10 messages, which its producer says were accepted."""
    life = Life(LANE, usual)
    life.api.delete("/queues/lane")
    life.begin()
    messages = [Identity(0, number) for number in range(10)]
    life.ledger.send(messages)
    life.ledger.accept(10)
    life.api.enqueue("lane", *[payload_of(message, None, 0) for message in messages])
    return life


def faults(life: Life) -> str:
    """What the account of a lane finds, after all that is left was taken."""
    life.drain()
    return " ".join(account(life)["faults"])


def test_messages_that_were_received_or_purged_add_up(life: Life) -> None:
    assert life.api.get("/queues/lane/dequeue?count=3").status == 200
    life.ledger.receiver().take([f"0:{number}:0:" for number in range(3)])
    life.told["purged"] = life.api.post("/queues/lane/purge").json()["purged"]
    assert faults(life) == ""


def test_messages_that_went_to_a_killed_consumer_add_up(life: Life) -> None:
    life.api.get("/queues/lane/dequeue?count=3")
    life.told["may_be_lost"] = 3
    assert faults(life) == ""


def test_a_lost_message_is_found(life: Life) -> None:
    life.api.get("/queues/lane/dequeue")
    assert "handed out and lost" in faults(life)


def test_a_purge_that_tells_another_number_is_found(life: Life) -> None:
    life.told["purged"] = life.api.post("/queues/lane/purge").json()["purged"] - 1
    assert "purged are not those told" in faults(life)


def test_more_accepted_messages_than_the_server_counts_are_found(life: Life) -> None:
    life.ledger.send([Identity(0, 10)])
    life.ledger.accept(1)
    assert "accepted are not those enqueued" in faults(life)


@pytest.mark.parametrize(
    ("own", "age_us", "late"),
    [(0, 60_000_000, 1), (0, 59_999_999, 0), (500, 500, 1), (500, 499, 0)],
)
def test_a_message_that_had_expired_before_it_was_asked_for_is_found(
    life: Life, own: int, age_us: int, late: int
) -> None:
    asked = now_us()
    life.check(asked, [{"payload": f"0:0:{own}:", "enqueued_at": asked - age_us}], "peeked at")
    assert len(life.late) == late


def statistics(**changed: float) -> dict[str, Any]:
    """The statistics of a queue that had two messages, one of which was taken."""
    queue = MessageQueue("lane", policy=Policy(ttl_seconds=60))
    queue.enqueue_many([b"1", b"2"])
    queue.dequeue()
    stats = queue.stats()
    return {name: getattr(stats, name) for name in stats.__slots__} | changed


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({}, ""),
        ({"size": 2}, "do not add up"),
        ({"expired_total": 1}, "do not add up"),
        ({"enqueued_total": 1, "dequeued_total": 0}, "count backwards"),
        ({"bytes": 0}, "hold bytes without a message"),
        ({"oldest_age_seconds": 62.0}, "show what expired"),
    ],
)
def test_statistics_that_are_wrong_are_found(
    usual: ServerProcess, changed: dict[str, float], fault: str
) -> None:
    monitor = Monitor({"lane": Life(LANE, usual)})
    right = statistics()
    monitor.look("lane", right)
    monitor.look("lane", right | changed)
    assert fault in " ".join(monitor.faults)
    assert bool(monitor.faults) == bool(fault)


@pytest.mark.slow
def test_every_policy_on_every_server_adds_up_while_it_runs_and_at_the_end(tmp_path: Path) -> None:
    outcome = run(4, tmp_path)
    assert outcome["faults"] == []
    assert set(outcome["servers"]) == set(KINDS)
    assert all(
        lane["received"] > 0
        for server in outcome["servers"].values()
        for lane in server["lanes"].values()
    )
    assert outcome["all"]["expired"] > 0
    assert outcome["all"]["overflow_dropped"] > 0
