"""An hour of samples of each queue, in bounded memory."""

from __future__ import annotations

import pytest

from zoldyq.metrics.durations import OperationDurations
from zoldyq.metrics.history import History
from zoldyq.metrics.series import QueueSeries
from zoldyq.queue import QueueManager


class Watched:
    """Queues, and the history of at most ``most`` of them."""

    def __init__(self, most: int = 3) -> None:
        self.queues = QueueManager()
        self.history = History(OperationDurations(), most)

    def fill(self, *names: str, messages: int = 1) -> None:
        for name in names:
            self.queues.enqueue_many(name, [b"1"] * messages)

    def look(self) -> set[str]:
        self.history.look(self.queues)
        return self.history.kept

    def of(self, name: str) -> QueueSeries:
        return self.history.of(name, self.queues.stats(name))[0]  # type: ignore[return-value]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_each_look_takes_a_sample_of_every_queue(watched: Watched) -> None:
    watched.fill("a", "b")
    watched.look()
    watched.fill("b", messages=9)
    watched.look()
    sizes = watched.of("b").columns["size"]
    assert sizes == [1, 10]
    rates = watched.of("b").columns["in_rate"]
    assert rates[0] is None, "a rate needs two looks"
    assert rates[1] is not None
    assert rates[1] > 0
    assert watched.of("a").columns["in_rate"][1] == 0


def test_the_first_look_of_a_person_is_a_sample(watched: Watched) -> None:
    watched.fill("a")
    assert watched.of("a").columns["size"] == [1]
    assert len(watched.of("a").at) == 1


def test_a_deleted_queue_is_forgotten_and_its_successor_counts_from_zero(watched: Watched) -> None:
    watched.fill("a", messages=50)
    watched.look()
    watched.queues.delete("a")
    watched.fill("a", messages=2)
    watched.look()
    rate = watched.of("a").columns["in_rate"][-1]
    assert rate is not None
    assert rate > 0
    watched.queues.delete("a")
    assert watched.look() == set()


def test_only_so_many_are_kept_and_the_busiest_win(watched: Watched) -> None:
    watched.fill("a", "b", "c")
    assert watched.look() == {"a", "b", "c"}
    watched.fill("busy", messages=100)
    watched.look()
    kept = watched.look()
    assert "busy" in kept
    assert len(kept) == 3


def test_a_queue_that_somebody_looked_at_keeps_its_place(watched: Watched) -> None:
    watched.fill("a", "b", "c", "quiet")
    watched.look()
    watched.of("quiet")
    for number in range(10):
        watched.fill(f"busy-{number}", messages=100)
    for _ in range(10):
        kept = watched.look()
    assert "quiet" in kept
    assert len(kept) == 3


def test_nothing_is_kept_where_that_is_switched_off() -> None:
    watched = Watched(0)
    watched.fill("a")
    assert watched.look() == set()
    assert watched.of("a").at == []
