"""The metrics that Prometheus reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families

from zoldyq import __version__
from zoldyq.config import SETTINGS
from zoldyq.contract.errors import ERRORS, QueueFull
from zoldyq.metrics.durations import OperationDurations
from zoldyq.metrics.prometheus import LIMITS, Metrics
from zoldyq.queue import Delivery, QueueManager

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def queues() -> QueueManager:
    return QueueManager(default_capacity=3)


@pytest.fixture
def durations() -> OperationDurations:
    return OperationDurations()


@pytest.fixture
def metrics(queues: QueueManager, durations: OperationDurations) -> Metrics:
    return metrics_of(queues, durations)


def metrics_of(
    queues: QueueManager,
    durations: OperationDurations,
    *,
    refused: Mapping[str, int] | None = None,
    connections: Callable[[], int] | None = None,
    limits: Mapping[str, float] | None = None,
) -> Metrics:
    return Metrics(
        queues,
        durations,
        refusals=lambda: refused or {},
        forbidden=dict,
        websockets=lambda: 4,
        connections=connections,
        limits=limits or {},
    )


def scrape(metrics: Metrics) -> Samples:
    """What a scrape reads, by name and labels."""
    text = metrics.render()[0].decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of_queue(samples: Samples, name: str) -> dict[str, float]:
    """The samples of one queue, by the names of the metrics."""
    return {metric: value for (metric, labels), value in samples.items() if labels == name_of(name)}


def name_of(queue: str) -> tuple[tuple[str, str], ...]:
    return (("queue", queue),)


def test_each_queue_tells_its_counters(queues: QueueManager, metrics: Metrics) -> None:
    queues.enqueue_many("emails", [b"1", b"2", b"3"])
    with pytest.raises(QueueFull):
        queues.enqueue_many("emails", [b"4"])
    delivery = queues.begin_dequeue("emails")
    assert isinstance(delivery, Delivery)
    queues.put_back("emails", delivery)
    queues.dequeue_many("emails", 2)
    queues.purge("emails")
    queues.dequeue("emails")
    queues.begin_dequeue("emails", wake=lambda: None)
    assert of_queue(scrape(metrics), "emails") == {
        "zoldyq_queue_size": 0,
        "zoldyq_queue_capacity": 3,
        "zoldyq_queue_bytes": 0,
        "zoldyq_queue_oldest_age_seconds": 0,
        "zoldyq_waiting_consumers": 1,
        "zoldyq_waiting_producers": 0,
        "zoldyq_enqueued_total": 3,
        "zoldyq_dequeued_total": 3,
        "zoldyq_queue_full_total": 1,
        "zoldyq_dequeue_timeout_total": 1,
        "zoldyq_put_back_total": 1,
        "zoldyq_purged_total": 1,
        "zoldyq_expired_total": 0,
        "zoldyq_overflow_dropped_total": 0,
    }


def test_size_bytes_and_age_follow_what_is_queued(queues: QueueManager, metrics: Metrics) -> None:
    queues.begin_enqueue("emails", [b"12345"], 1_000_000)
    samples = of_queue(scrape(metrics), "emails")
    assert samples["zoldyq_queue_size"] == 1
    assert samples["zoldyq_queue_bytes"] == queues.stats("emails").bytes
    assert samples["zoldyq_queue_oldest_age_seconds"] > 1_000_000_000


def test_a_deleted_queue_disappears_and_its_messages_count_as_dropped(
    queues: QueueManager, metrics: Metrics
) -> None:
    queues.enqueue_many("emails", [b"1", b"2"])
    queues.delete("emails")
    samples = scrape(metrics)
    assert of_queue(samples, "emails") == {}
    assert samples["zoldyq_dropped_total", (("reason", "deleted"),)] == 2
    assert samples["zoldyq_dropped_total", (("reason", "shutdown"),)] == 0


@pytest.mark.parametrize("operation", ["enqueue", "dequeue"])
@pytest.mark.parametrize("waited", ["false", "true"])
def test_durations_are_histograms_told_apart_by_waiting(
    durations: OperationDurations, metrics: Metrics, operation: str, waited: str
) -> None:
    histogram = getattr(durations, operation + ("_waited" if waited == "true" else ""))
    for seconds in (0.00002, 0.00002, 0.004, 7.0):
        histogram.observe(seconds)
    samples = scrape(metrics)
    name = f"zoldyq_{operation}_duration_seconds"

    def bucket(bound: str) -> float:
        return samples[f"{name}_bucket", (("le", bound), ("waited", waited))]

    assert (bucket("1e-05"), bucket("2.5e-05"), bucket("0.005")) == (0, 2, 3)
    assert bucket("+Inf") == 4
    assert samples[f"{name}_count", (("waited", waited),)] == 4
    assert samples[f"{name}_sum", (("waited", waited),)] == pytest.approx(7.00404)
    other = "false" if waited == "true" else "true"
    assert samples[f"{name}_count", (("waited", other),)] == 0


def test_connections_show_where_the_server_counts_them(
    queues: QueueManager, durations: OperationDurations, metrics: Metrics
) -> None:
    assert scrape(metrics)["zoldyq_websocket_sessions", ()] == 4
    assert ("zoldyq_connections", ()) not in scrape(metrics)
    counted = metrics_of(queues, durations, connections=lambda: 7)
    assert scrape(counted)["zoldyq_connections", ()] == 7


def test_refusals_are_told_by_their_codes_also_those_that_never_came(
    queues: QueueManager, durations: OperationDurations
) -> None:
    samples = scrape(metrics_of(queues, durations, refused={"memory_limit": 3}))
    refused = {
        dict(labels)["reason"]: value
        for (name, labels), value in samples.items()
        if name == "zoldyq_refused_total"
    }
    assert set(refused) == set(ERRORS)
    assert {reason: value for reason, value in refused.items() if value} == {"memory_limit": 3}


def test_every_limit_is_a_gauge_beside_what_it_bounds(
    queues: QueueManager, durations: OperationDurations
) -> None:
    queues.enqueue_many("emails", [b"12345"])
    limits = {name: number for number, name in enumerate(LIMITS, start=10)}
    samples = scrape(metrics_of(queues, durations, limits=limits))
    assert {name: samples[f"zoldyq_{name}", ()] for name in LIMITS} == limits
    assert samples["zoldyq_bytes", ()] == queues.bytes_held > 0


def test_the_limits_are_settings() -> None:
    assert set(LIMITS) <= {setting.name for setting in SETTINGS}


def test_the_version_is_told(metrics: Metrics) -> None:
    infos = [dict(labels) for (name, labels) in scrape(metrics) if name == "zoldyq_build_info"]
    assert [info["version"] for info in infos] == [__version__]


def test_every_counter_is_exposed_under_its_own_name_alone(
    queues: QueueManager, metrics: Metrics
) -> None:
    queues.enqueue_many("emails", [b"1"])
    text = metrics.render()[0].decode()
    assert "# TYPE zoldyq_enqueued_total counter" in text
    assert "_created" not in text


def test_openmetrics_tells_since_when_a_counter_counts(
    queues: QueueManager, metrics: Metrics
) -> None:
    queues.enqueue_many("emails", [b"1"])
    first = created(metrics)
    assert first == pytest.approx(queues.stats("emails").created_at / 1_000_000)
    queues.delete("emails")
    queues.enqueue_many("emails", [b"1"])
    assert created(metrics) > first


def created(metrics: Metrics) -> float:
    text, content_type = metrics.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    families = {each.name: each for each in parse_openmetrics(text.decode())}
    return next(
        sample.value
        for sample in families["zoldyq_enqueued"].samples
        if sample.name == "zoldyq_enqueued_created"
    )


def test_two_servers_in_one_process_do_not_mix(
    queues: QueueManager, durations: OperationDurations
) -> None:
    other = QueueManager()
    other.enqueue_many("theirs", [b"1"])
    queues.enqueue_many("ours", [b"1"])
    assert queue_names(metrics_of(queues, durations)) == {"ours"}
    assert queue_names(metrics_of(other, durations)) == {"theirs"}


def queue_names(metrics: Metrics) -> set[str]:
    return {dict(labels)["queue"] for _, labels in scrape(metrics) if "queue" in dict(labels)}
