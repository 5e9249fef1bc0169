from __future__ import annotations

import pytest

from benchmarks.clients import zoldyq
from benchmarks.clients.way import library, probe
from benchmarks.figures import Missing, WorkNotDone


def test_every_way_of_the_client_moves_each_message_once() -> None:
    with zoldyq.ways() as ways:
        for way in ways:
            (measure,) = probe(way).run(0.1)
            assert (measure.work, measure.unit) == (way.work, "messages/s")
            assert measure.value > 0


def test_messages_that_stay_behind_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.clients.way._SETTLE_SECONDS", 0.01)
    with zoldyq.ways() as ways:
        way = ways[0]
        way.before(100)
        way.do(99)
        with pytest.raises(WorkNotDone, match="99 counted, 100 to 100 expected"):
            way.after(100)


def test_a_client_that_is_not_installed_is_named() -> None:
    with pytest.raises(Missing, match=r"no_such_client is not installed \(in the extra bench\)"):
        library("no_such_client")
