"""A short run with outages adds up, and the account finds what does not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.raw import Api
from tests.trust.conftest import Serve
from tests.trust.outages import FATES, Fate, account, run

SENT = [f"p1:{number}" for number in range(40)]
PRODUCER = ["began", "sent p1 0 20", "accepted p1 0 20", "sent p1 20 20", "accepted p1 20 20"]


class WrittenLane:
    """A lane that has been: its journals are given, and its consumers were killed so often."""

    def __init__(self, name: str, received: list[str], producer: list[str], deaths: int) -> None:
        self.fate = Fate(name, killed=True)
        self.deaths = deaths
        self.stops = 0
        self._lines = {"p": producer, "c": [f"got {payload}" for payload in received]}

    def journals(self, letter: str) -> Iterator[list[list[str]]]:
        yield [line.split() for line in self._lines[letter]]


def account_of(
    serve: Serve,
    taken: int,
    received: list[str],
    *,
    deaths: int = 0,
    producer: list[str] = PRODUCER,
) -> tuple[int, str]:
    """The account when ``taken`` of 40 messages have left: how many are missing, and faults."""
    api = Api(serve().address)
    api.enqueue("lane", *SENT)
    assert len(api.get(f"/queues/lane/dequeue?count={taken}").json()["messages"]) == taken
    lane = WrittenLane("lane", received, producer, deaths)
    outcome = account(lane, api, restarts=0)  # type: ignore[arg-type]
    return outcome["handed_to_programs_that_died"], " ".join(outcome["faults"])


def test_messages_that_were_received_or_are_queued_add_up(serve: Serve) -> None:
    assert account_of(serve, 30, SENT[:30]) == (0, "")


def test_messages_that_went_to_a_killed_program_add_up(serve: Serve) -> None:
    assert account_of(serve, 30, SENT[:25], deaths=1) == (5, "")


def test_a_batch_whose_answer_never_came_may_have_been_accepted(serve: Serve) -> None:
    unsure = [*PRODUCER[:-1], "unknown p1 20 20"]
    assert account_of(serve, 30, SENT[:30], producer=unsure) == (0, "")


@pytest.mark.parametrize(
    ("received", "deaths", "fault"),
    [
        (SENT[:29], 0, "more than the blows explain"),
        ([*SENT[:10], *SENT[11:20], *SENT[21:30]], 1, "more runs than there were blows"),
        ([*SENT[:29], SENT[0]], 1, "came twice"),
        ([*SENT[:29], "p1:77"], 1, "never sent"),
    ],
)
def test_a_message_that_is_lost_twice_or_invented_is_found(
    serve: Serve, received: list[str], deaths: int, fault: str
) -> None:
    assert fault in account_of(serve, 30, received, deaths=deaths)[1]


def test_more_accepted_messages_than_the_server_counts_are_found(serve: Serve) -> None:
    more = [*PRODUCER, "sent p1 40 20", "accepted p1 40 20"]
    assert "server counts others" in account_of(serve, 30, SENT[:30], producer=more)[1]


@pytest.mark.slow
def test_programs_that_are_stopped_killed_forked_and_cut_off_lose_no_message(
    tmp_path: Path,
) -> None:
    outcome = run(0.08, tmp_path)
    assert outcome["faults"] == []
    assert all(lane["received_by_programs"] > 0 for lane in outcome["lanes"].values())
    assert len(outcome["lanes"]) == len(FATES)
