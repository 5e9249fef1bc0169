"""Metrics for Prometheus, read at scrape time from counters that are kept anyway."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from zoldyq import __version__
from zoldyq.contract.errors import ERRORS
from zoldyq.metrics.durations import BOUNDS, Durations, OperationDurations
from zoldyq.metrics.families import queue_families
from zoldyq.queue import QueueSet

#: The limits that are gauges: the names of their settings, and what they bound.
LIMITS: Mapping[str, str] = {
    "max_bytes": "Bytes that the messages of all queues together may be charged",
    "max_queues": "Queues that may exist at once",
    "max_connections": "Connections that may be open at once",
    "max_websockets": "WebSocket sessions that may be open at once",
    "max_waiting": "Requests that may wait at once where each holds a thread",
}

_OPENMETRICS = "application/openmetrics-text"


class Metrics:
    """All metrics of a server. Each has a registry of its own, so that two fit in one process.

    ``refusals`` tells how many requests were refused, by error code; ``forbidden`` how many of them
    lacked a right, by the name of their token; ``websockets`` how many sessions are open, and
    ``connections`` how many connections, where the server counts them. ``limits`` are values
    for :data:`LIMITS`. Without ``per_queue`` there are no series for each queue; ``engine`` yields
    the metrics of an engine that keeps the queues elsewhere.
    """

    def __init__(
        self,
        queues: QueueSet,
        durations: OperationDurations,
        *,
        refusals: Callable[[], Mapping[str, int]],
        forbidden: Callable[[], Mapping[str, int]],
        websockets: Callable[[], int],
        connections: Callable[[], int] | None = None,
        limits: Mapping[str, float],
        per_queue: bool = True,
        engine: Callable[[], Iterable[Metric]] = tuple,
    ) -> None:
        self._queues = queues
        self._per_queue = per_queue
        self._registry = CollectorRegistry()
        self._registry.register(
            _ServerCollector(
                queues,
                durations,
                refusals=refusals,
                forbidden=forbidden,
                websockets=websockets,
                connections=connections,
                limits=limits,
                engine=engine,
            )
        )

    def render(self, accept: str | None = None) -> tuple[bytes, str]:
        """Return the metrics and their media type.

        They are in Prometheus's text format, or in OpenMetrics if ``accept`` prefers it.
        """
        encode, content_type = choose_encoder(accept or "")
        openmetrics = content_type.startswith(_OPENMETRICS)
        families = (
            queue_families(self._queues.all_stats(), openmetrics=openmetrics)
            if self._per_queue
            else ()
        )
        return b"".join([*map(str.encode, families), encode(self._registry)]), content_type


class _ServerCollector(Collector):
    """Reads what is counted for the server as a whole whenever it is scraped."""

    def __init__(
        self,
        queues: QueueSet,
        durations: OperationDurations,
        *,
        refusals: Callable[[], Mapping[str, int]],
        forbidden: Callable[[], Mapping[str, int]],
        websockets: Callable[[], int],
        connections: Callable[[], int] | None,
        limits: Mapping[str, float],
        engine: Callable[[], Iterable[Metric]],
    ) -> None:
        self._queues = queues
        self._engine = engine
        self._durations = durations
        self._refusals = refusals
        self._forbidden = forbidden
        self._websockets = websockets
        self._connections = connections
        self._limits = limits

    def collect(self) -> Iterator[Metric]:
        """Yield every metric with its present value."""
        yield from self._losses_and_refusals()
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
        yield from self._uses_and_limits()
        yield from self._engine()
        build = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("zoldyq_build", "What is running", build)

    def _losses_and_refusals(self) -> Iterator[Metric]:
        yield _counter(
            "zoldyq_dropped_total",
            "Messages accepted and neither delivered nor purged",
            self._queues.dropped,
        )
        # Those that never came are 0, so that the first one shows as an increase.
        refused = {**dict.fromkeys(sorted(ERRORS), 0), **self._refusals()}
        yield _counter("zoldyq_refused_total", "Requests refused, by error code", refused)
        yield CounterMetricFamily(
            "zoldyq_unauthorized_total",
            "Requests refused because they had no token that is known",
            refused["unauthorized"],
        )
        yield _counter(
            "zoldyq_forbidden_total",
            "Requests refused because their token lacked a right",
            self._forbidden(),
            label="token",
        )

    def _uses_and_limits(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "zoldyq_bytes",
            "Bytes charged for the messages in all queues",
            self._queues.bytes_held,
        )
        if self._connections is not None:
            yield GaugeMetricFamily(
                "zoldyq_connections", "Connections that are open", self._connections()
            )
        yield GaugeMetricFamily(
            "zoldyq_websocket_sessions", "WebSocket sessions that are open", self._websockets()
        )
        for name, meaning in LIMITS.items():
            if name in self._limits:
                yield GaugeMetricFamily(f"zoldyq_{name}", meaning, self._limits[name])


def _counter(name: str, text: str, counts: Mapping[str, int], label: str = "reason") -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _histogram(name: str, text: str, at_once: Durations, waited: Durations) -> Metric:
    family = HistogramMetricFamily(name, text, labels=["waited"])
    for label, durations in (("false", at_once), ("true", waited)):
        counts, total = durations.snapshot()
        bounds = [*map(str, BOUNDS), "+Inf"]
        family.add_metric([label], list(zip(bounds, accumulate(counts), strict=True)), total)
    return family
