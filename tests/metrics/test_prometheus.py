"""The metrics that Prometheus reads."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from zoldyq import __version__
from zoldyq.contract.errors import QueueFull
from zoldyq.metrics.durations import OperationDurations
from zoldyq.metrics.prometheus import ZoldyQCollector, registry_of
from zoldyq.queue import Delivery, QueueManager

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def queues() -> QueueManager:
    return QueueManager(default_capacity=3)


@pytest.fixture
def durations() -> OperationDurations:
    return OperationDurations()


@pytest.fixture
def collector(queues: QueueManager, durations: OperationDurations) -> ZoldyQCollector:
    return ZoldyQCollector(queues, durations, lambda: 4)


def scrape(collector: ZoldyQCollector) -> Samples:
    """What a scrape reads, by name and labels."""
    text = generate_latest(registry_of(collector)).decode()
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


def test_each_queue_tells_its_counters(queues: QueueManager, collector: ZoldyQCollector) -> None:
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
    assert of_queue(scrape(collector), "emails") == {
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
    }


def test_size_bytes_and_age_follow_what_is_queued(
    queues: QueueManager, collector: ZoldyQCollector
) -> None:
    queues.begin_enqueue("emails", [b"12345"], 1_000_000)
    samples = of_queue(scrape(collector), "emails")
    assert samples["zoldyq_queue_size"] == 1
    assert samples["zoldyq_queue_bytes"] == queues.stats("emails").bytes
    assert samples["zoldyq_queue_oldest_age_seconds"] > 1_000_000_000


def test_a_deleted_queue_disappears_and_its_messages_count_as_dropped(
    queues: QueueManager, collector: ZoldyQCollector
) -> None:
    queues.enqueue_many("emails", [b"1", b"2"])
    queues.delete("emails")
    samples = scrape(collector)
    assert of_queue(samples, "emails") == {}
    assert samples["zoldyq_dropped_total", (("reason", "deleted"),)] == 2
    assert samples["zoldyq_dropped_total", (("reason", "shutdown"),)] == 0


@pytest.mark.parametrize("operation", ["enqueue", "dequeue"])
@pytest.mark.parametrize("waited", ["false", "true"])
def test_durations_are_histograms_told_apart_by_waiting(
    durations: OperationDurations, collector: ZoldyQCollector, operation: str, waited: str
) -> None:
    histogram = getattr(durations, operation + ("_waited" if waited == "true" else ""))
    for seconds in (0.00002, 0.00002, 0.004, 7.0):
        histogram.observe(seconds)
    samples = scrape(collector)
    name = f"zoldyq_{operation}_duration_seconds"

    def bucket(bound: str) -> float:
        return samples[f"{name}_bucket", (("le", bound), ("waited", waited))]

    assert (bucket("1e-05"), bucket("2.5e-05"), bucket("0.005")) == (0, 2, 3)
    assert bucket("+Inf") == 4
    assert samples[f"{name}_count", (("waited", waited),)] == 4
    assert samples[f"{name}_sum", (("waited", waited),)] == pytest.approx(7.00404)
    other = "false" if waited == "true" else "true"
    assert samples[f"{name}_count", (("waited", other),)] == 0


def test_connections_show_once_somebody_counts_them(collector: ZoldyQCollector) -> None:
    assert scrape(collector)["zoldyq_websocket_sessions", ()] == 4
    assert ("zoldyq_connections", ()) not in scrape(collector)
    collector.connections = lambda: 7
    assert scrape(collector)["zoldyq_connections", ()] == 7


def test_the_version_is_told(collector: ZoldyQCollector) -> None:
    infos = [dict(labels) for (name, labels) in scrape(collector) if name == "zoldyq_build_info"]
    assert [info["version"] for info in infos] == [__version__]


def test_every_counter_is_exposed_under_its_own_name_alone(
    queues: QueueManager, collector: ZoldyQCollector
) -> None:
    queues.enqueue_many("emails", [b"1"])
    text = generate_latest(registry_of(collector)).decode()
    assert "# TYPE zoldyq_enqueued_total counter" in text
    assert "_created" not in text


def test_two_registries_do_not_mix(queues: QueueManager, durations: OperationDurations) -> None:
    other = QueueManager()
    other.enqueue_many("theirs", [b"1"])
    queues.enqueue_many("ours", [b"1"])
    ours = registry_of(ZoldyQCollector(queues, durations, lambda: 0))
    theirs = registry_of(ZoldyQCollector(other, durations, lambda: 0))
    assert queue_names(ours) == {"ours"}
    assert queue_names(theirs) == {"theirs"}


def queue_names(registry: CollectorRegistry) -> set[str]:
    families = text_string_to_metric_families(generate_latest(registry).decode())
    samples = [sample for family in families for sample in family.samples]
    return {sample.labels["queue"] for sample in samples if "queue" in sample.labels}
