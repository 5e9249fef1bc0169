"""Metrics for Prometheus, read at scrape time from counters that are kept anyway."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from operator import attrgetter

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from zoldyq import __version__
from zoldyq.metrics.durations import BOUNDS, Durations, OperationDurations
from zoldyq.queue import Queues, QueueStats, now_us

_ReadStats = Callable[[QueueStats], float]


def _oldest_age_seconds(stats: QueueStats) -> float:
    if stats.oldest_enqueued_at is None:
        return 0.0
    return max(now_us() - stats.oldest_enqueued_at, 0) / 1_000_000


#: Per queue: the name of the metric, what it means, and where it is read.
_GAUGES: Sequence[tuple[str, str, _ReadStats]] = (
    ("zoldyq_queue_size", "Messages in the queue", attrgetter("size")),
    ("zoldyq_queue_capacity", "Messages that the queue may hold", attrgetter("capacity")),
    ("zoldyq_queue_bytes", "Bytes charged for the messages in the queue", attrgetter("bytes")),
    ("zoldyq_queue_oldest_age_seconds", "Age of the oldest message", _oldest_age_seconds),
    (
        "zoldyq_waiting_consumers",
        "Consumers that wait for a message",
        attrgetter("waiting_consumers"),
    ),
)
_COUNTERS: Sequence[tuple[str, str, _ReadStats]] = (
    ("zoldyq_enqueued_total", "Messages accepted", attrgetter("enqueued_total")),
    ("zoldyq_dequeued_total", "Messages handed out", attrgetter("dequeued_total")),
    (
        "zoldyq_queue_full_total",
        "Enqueues refused because the queue was full",
        attrgetter("queue_full_total"),
    ),
    (
        "zoldyq_dequeue_timeout_total",
        "Dequeues that ended without a message",
        attrgetter("dequeue_timeout_total"),
    ),
    (
        "zoldyq_put_back_total",
        "Messages returned to the queue because they could not be delivered",
        attrgetter("put_back_total"),
    ),
    ("zoldyq_purged_total", "Messages dropped by a purge", attrgetter("purged_total")),
)


class ZoldyQCollector(Collector):
    """Reads queues and durations whenever it is scraped.

    ``websockets`` tells how many sessions are open, and ``connections`` how many connections, where
    the server counts them.
    """

    def __init__(
        self,
        queues: Queues,
        durations: OperationDurations,
        websockets: Callable[[], int],
        connections: Callable[[], int] | None = None,
    ) -> None:
        self._queues = queues
        self._durations = durations
        self._websockets = websockets
        self.connections = connections

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with its present value."""
        yield from self._of_queues()
        yield _histogram(
            "zoldyq_enqueue_duration_seconds",
            "Time that an enqueue took; with waited=true it had to wait for room",
            self._durations.enqueue,
            self._durations.enqueue_waited,
        )
        yield _histogram(
            "zoldyq_dequeue_duration_seconds",
            "Time that a dequeue took; with waited=true it had to wait for a message",
            self._durations.dequeue,
            self._durations.dequeue_waited,
        )
        yield from self._of_server()

    def _of_queues(self) -> Iterator[Metric]:
        every = self._queues.all_stats()
        for name, text, read in _GAUGES:
            gauge = GaugeMetricFamily(name, text, labels=["queue"])
            for stats in every:
                gauge.add_metric([stats.name], read(stats))
            yield gauge
        for name, text, read in _COUNTERS:
            counter = CounterMetricFamily(name, text, labels=["queue"])
            for stats in every:
                counter.add_metric([stats.name], read(stats))
            yield counter
        dropped = CounterMetricFamily(
            "zoldyq_dropped_total",
            "Messages accepted and neither delivered nor purged",
            labels=["reason"],
        )
        for reason, count in self._queues.dropped.items():
            dropped.add_metric([reason], count)
        yield dropped

    def _of_server(self) -> Iterator[Metric]:
        if self.connections is not None:
            yield GaugeMetricFamily(
                "zoldyq_connections", "Connections that are open", self.connections()
            )
        yield GaugeMetricFamily(
            "zoldyq_websocket_sessions", "WebSocket sessions that are open", self._websockets()
        )
        build = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("zoldyq_build", "What is running", build)


def registry_of(collector: ZoldyQCollector) -> CollectorRegistry:
    """Return a registry with this collector alone, so that two apps can live in one process."""
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


def _histogram(name: str, text: str, at_once: Durations, waited: Durations) -> Metric:
    family = HistogramMetricFamily(name, text, labels=["waited"])
    for label, durations in (("false", at_once), ("true", waited)):
        counts, total = durations.snapshot()
        bounds = [*map(str, BOUNDS), "+Inf"]
        family.add_metric([label], list(zip(bounds, accumulate(counts), strict=True)), total)
    return family
