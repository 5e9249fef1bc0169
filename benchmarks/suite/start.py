"""From the command to the first answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from time import perf_counter

from benchmarks.figures import ZOLDYQ, Benchmark, Measure, Probe, Stage, Target, of
from benchmarks.servers.zoldyq import GUNICORN, WAITRESS, Server, gunicorn, waitress, zoldyq

_START = "start until the first answer"


def _start(
    server: Callable[[], AbstractContextManager[Server]], _seconds: float
) -> Iterator[Measure]:
    """Listening is not enough: gunicorn listens before it has loaded the application."""
    start = perf_counter()
    with server() as started:
        started.health()
        yield Measure(_START, "s", perf_counter() - start)


def _prepare(stage: Stage) -> Iterable[Probe]:
    for name, server in ((ZOLDYQ, zoldyq), (WAITRESS, waitress), (GUNICORN, gunicorn)):
        if stage.optional(server) is not None:
            yield Probe(name, partial(_start, server))


BENCHMARK = Benchmark(
    "start",
    "from the command to the first answer",
    _prepare,
    [Target(_START, of(_START), at_most=1)],
)
