from __future__ import annotations

import re

from zoldyq.metrics.durations import OperationDurations
from zoldyq.metrics.engine import engine_families
from zoldyq.metrics.prometheus import LIMITS, Metrics
from zoldyq.queue import QueueManager


class _Figures:
    """What an engine counts at its start."""

    calls = operations = reconnects = rejoined = reaped = 0
    call_seconds = 0.0
    retries: dict[str, int] = {}  # noqa: RUF012 - never changed


def metric_names() -> set[str]:
    """The names of all metrics that a server shows, with those of queues in Redis."""
    metrics = Metrics(
        QueueManager(),
        OperationDurations(),
        refusals=dict,
        forbidden=dict,
        websockets=lambda: 0,
        connections=lambda: 0,
        limits=dict.fromkeys(LIMITS, 0),
        engine=lambda: engine_families(_Figures(), up=True),
    )
    return set(re.findall(r"^# TYPE (\w+) ", metrics.render()[0].decode(), re.MULTILINE))
