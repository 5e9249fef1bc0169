from __future__ import annotations

import re

from zoldyq.metrics.durations import OperationDurations
from zoldyq.metrics.prometheus import LIMITS, Metrics
from zoldyq.queue import QueueManager


def metric_names() -> set[str]:
    """The names of all metrics that a server shows."""
    metrics = Metrics(
        QueueManager(),
        OperationDurations(),
        refusals=dict,
        forbidden=dict,
        websockets=lambda: 0,
        connections=lambda: 0,
        limits=dict.fromkeys(LIMITS, 0),
    )
    return set(re.findall(r"^# TYPE (\w+) ", metrics.render()[0].decode(), re.MULTILINE))
