"""A short run of faults between front ends and Redis adds up; journals tell what does not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.engine.servers import needs_redis
from tests.trust.engine import (
    ROWS,
    Row,
    Scene,
    cut,
    faults_of,
    fill_memory,
    forget_scripts,
    hang_up,
    kill_clients,
    play,
)
from tests.trust.engine_load import Journal, outcome_of

ALL = [f"0:{number}" for number in range(10)]


def written(
    received: list[str],
    *,
    accepted: list[str] = ALL,
    refused: list[str] = [],  # noqa: B006 - never changed
    since: float = 0.0,
    row: Row = ROWS[-1],
) -> str:
    """Return the faults of a row whose producer and consumer wrote this down."""
    producer, consumer = Journal(), Journal()
    producer.accepted = {message: float(at) for at, message in enumerate(accepted)}
    producer.refused = set(refused)
    producer.answered(200)
    consumer.received = received
    return " ".join(faults_of(row, 1, outcome_of([producer], [consumer], since)))


def test_messages_that_all_came_once_add_up() -> None:
    assert written(random.sample(ALL, len(ALL))) == ""


@pytest.mark.parametrize(
    ("received", "fault"),
    [
        (ALL[1:], "1 messages were lost"),
        ([*ALL, ALL[0]], "1 messages came twice"),
        ([*ALL, "0:77"], "nobody had queued"),
    ],
)
def test_a_message_that_is_lost_twice_or_invented_is_found(received: list[str], fault: str) -> None:
    assert fault in written(received)


def test_a_refused_message_that_comes_is_found() -> None:
    assert "nobody had queued" in written([*ALL, "0:77"], refused=["0:77"])


def test_what_a_row_takes_away_on_purpose_is_no_fault_and_what_came_later_is() -> None:
    forgets = next(row for row in ROWS if row.forgets)
    assert written(ALL[5:], since=5.0, row=forgets) == ""
    assert "1 messages were lost" in written(ALL[5:-1], since=5.0, row=forgets)


def one_of_each(scene: Scene) -> None:
    """Cut connections in every place, and take scripts and memory away."""
    for blow in (hang_up, kill_clients, forget_scripts, cut, fill_memory, hang_up):
        blow(scene)
        scene.pause()


@needs_redis
@pytest.mark.slow
def test_front_ends_that_are_cut_off_from_redis_lose_nothing_and_double_nothing(
    tmp_path: Path,
) -> None:
    outcome = play(Row("short", one_of_each, 1, through_cutter=True, expect=429), tmp_path / "run")
    assert outcome["faults"] == []
    assert outcome["received"] > 100
