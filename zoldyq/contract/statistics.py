"""The statistics of a queue: each figure is declared once, here.

The statistics documents, their OpenAPI schema, the metrics, the client's type and what the
command line prints follow from :class:`QueueStats`. To add a figure, declare it here and count it
where the queue does what it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple

__all__ = ["FIGURES", "Figure", "QueueStats"]


class Figure(NamedTuple):
    """What is known of one field of :class:`QueueStats`.

    ``kind`` is ``counter`` for what only grows while the queue exists, ``gauge`` for the rest.
    ``metric`` is the name of the Prometheus metric, None for a figure that follows from others.
    """

    name: str
    meaning: str
    kind: Literal["gauge", "counter"]
    metric: str | None


def _gauge(meaning: str, metric: str | None) -> Any:
    return field(metadata={"figure": (meaning, "gauge", metric)})


def _counter(meaning: str, metric: str) -> Any:
    return field(metadata={"figure": (meaning, "counter", metric)})


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats:
    """One consistent look at a queue.

    Names that end in ``_total`` count since the queue was created. At any moment
    ``enqueued_total + put_back_total == dequeued_total + purged_total + expired_total +
    overflow_dropped_total + size``. Bounds that are None do not hold.
    """

    size: int = _gauge("Messages in the queue", "zoldyq_queue_size")
    capacity: int = _gauge("Messages that the queue may hold", "zoldyq_queue_capacity")
    max_bytes: int | None = _gauge(
        "Bytes that the messages of the queue may be charged", "zoldyq_queue_max_bytes"
    )
    ttl_seconds: float | None = _gauge(
        "Lifetime of the queue's messages in seconds", "zoldyq_queue_ttl_seconds"
    )
    overflow: Literal["reject", "drop_oldest"] = _gauge(
        "What happens to a message that does not fit", None
    )
    idle_seconds: float | None = _gauge(
        "Seconds after which the queue is deleted if it is empty and not used", None
    )
    utilization: float = _gauge("size divided by capacity", None)
    bytes: int = _gauge(
        "Bytes charged for the messages in the queue: payload plus 96 each", "zoldyq_queue_bytes"
    )
    oldest_age_seconds: float = _gauge(
        "Age of the oldest message in seconds, 0 if there is none",
        "zoldyq_queue_oldest_age_seconds",
    )
    created_at: int = _gauge("When the queue was created, in microseconds since the epoch", None)
    enqueued_total: int = _counter("Messages accepted", "zoldyq_enqueued_total")
    dequeued_total: int = _counter("Messages handed out", "zoldyq_dequeued_total")
    queue_full_total: int = _counter(
        "Enqueues refused because the queue was full", "zoldyq_queue_full_total"
    )
    dequeue_timeout_total: int = _counter(
        "Dequeues that ended without a message", "zoldyq_dequeue_timeout_total"
    )
    put_back_total: int = _counter(
        "Messages returned to the queue because they could not be delivered",
        "zoldyq_put_back_total",
    )
    purged_total: int = _counter("Messages dropped by a purge", "zoldyq_purged_total")
    expired_total: int = _counter("Messages whose lifetime was over", "zoldyq_expired_total")
    overflow_dropped_total: int = _counter(
        "Oldest messages dropped to make room for new ones", "zoldyq_overflow_dropped_total"
    )
    waiting_consumers: int = _gauge("Consumers that wait for a message", "zoldyq_waiting_consumers")
    waiting_producers: int = _gauge("Producers that wait for room", "zoldyq_waiting_producers")


#: Every figure, in the order of the documents.
FIGURES: Sequence[Figure] = tuple(
    Figure(each.name, *each.metadata["figure"]) for each in fields(QueueStats)
)
