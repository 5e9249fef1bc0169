"""The buffer that stores measurements in batches."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.contrib.examples.conftest import Run
from tests.helpers import wait_until
from zoldyq.client import Client


def rows_of(path: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("select name, count(*) from metrics group by name").fetchall()


def test_every_measurement_is_stored(own_client: Client, run_example: Run, tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    buffer = run_example("metrics_buffer.py", "--seconds", 1, "--database", path)
    assert buffer.exit_code() == 0, buffer.log.read_text()
    found = re.search(r"(\d+) measurements sent, (\d+) stored", buffer.out.read_text())
    assert found is not None
    sent, stored = map(int, found.groups())
    assert sent == stored > 30
    assert rows_of(path) == [(name, sent // 3) for name in ("elapsed", "load", "user_seconds")]
    assert own_client.queue("metrics").stats().size == 0


def test_an_early_end_loses_nothing(own_client: Client, run_example: Run, tmp_path: Path) -> None:
    path = tmp_path / "metrics.db"
    buffer = run_example("metrics_buffer.py", "--seconds", 1000, "--database", path)
    wait_until(lambda: sum(each.enqueued_total for each in own_client.queues().values()) > 0)
    assert buffer.stop() == 0
    stats = own_client.queue("metrics").stats()
    assert stats.size == 0
    assert sum(count for _, count in rows_of(path)) == stats.enqueued_total


def test_what_was_left_behind_is_stored_too(
    own_client: Client, run_example: Run, tmp_path: Path
) -> None:
    path = tmp_path / "metrics.db"
    left = [{"name": "load", "at": 1.5, "value": number} for number in range(1200)]
    own_client.queue("metrics").enqueue_many(left)
    buffer = run_example("metrics_buffer.py", "--seconds", 0, "--database", path)
    assert buffer.exit_code() == 0, buffer.log.read_text()
    assert rows_of(path) == [("load", 1200)]
    with closing(sqlite3.connect(path)) as database:
        values = database.execute("select value from metrics order by rowid").fetchall()
    assert values == [(number,) for number in range(1200)]
