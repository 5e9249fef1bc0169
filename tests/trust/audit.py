"""The reckoning after a scenario: the ledger against what the server itself tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.contract.raw import Api
from tests.helpers import wait_until
from tests.trust.ledger import Ledger

#: The counters of a queue in ``/health``, all of which ``/metrics`` has as well.
COUNTERS = (
    "enqueued_total",
    "dequeued_total",
    "queue_full_total",
    "dequeue_timeout_total",
    "put_back_total",
    "purged_total",
    "expired_total",
    "overflow_dropped_total",
)
#: The figures of a queue in ``/health``, and their names in ``/metrics``.
GAUGES = {
    "size": "zoldyq_queue_size",
    "bytes": "zoldyq_queue_bytes",
    "capacity": "zoldyq_queue_capacity",
    "waiting_consumers": "zoldyq_waiting_consumers",
}

Figures = dict[tuple[str, str], float]


def audit(
    api: Api,
    queue: str,
    ledger: Ledger,
    *,
    purged: int = 0,
    at_most_lost: int = 0,
    overtaking: bool = False,
) -> int:
    """Prove that every message is accounted for, and return how many were lost.

    Call it when all parties have left: it waits until the server has noticed, and drains the
    queue. ``purged`` is what purges told. ``at_most_lost`` bounds what cannot be known: what the
    kernel took for peers that died. ``overtaking`` says that messages which were put back may
    have been overtaken meanwhile, by those that another consumer had received.
    """
    settle(api)
    ledger.receiver().take(api.drain(queue))
    stats = agreed_stats(api, queue)
    assert not ledger.unexpected, f"twice, or never sent: {ledger.unexpected[:10]}"
    lost = len(ledger.missing()) - purged
    assert 0 <= lost <= at_most_lost, f"{lost} lost: {sorted(ledger.missing())[:10]}"
    assert ledger.accepted <= stats["enqueued_total"] <= ledger.accepted + ledger.unanswered
    assert stats["purged_total"] == purged
    assert stats["dequeued_total"] - stats["put_back_total"] == ledger.received + lost
    assert (stats["size"], stats["bytes"], stats["waiting_consumers"]) == (0, 0, 0)
    assert ledger.overtaken <= (stats["put_back_total"] if overtaking else 0)
    return lost


def settle(api: Api) -> None:
    """Wait until the server has no connection but the one that asks."""
    wait_until(lambda: metrics(api)["zoldyq_websocket_sessions", ""] == 0)
    wait_until(lambda: metrics(api)["zoldyq_connections", ""] == 1)


def held_up(api: Api, queue: str) -> None:
    """Wait until messages are on their way and the next ones cannot leave the server."""
    looks: list[int] = []

    def at_rest() -> bool:
        looks.append(api.stats(queue)["size"])
        return len(looks) > 50 and looks[-50] == looks[-1]

    wait_until(lambda: api.stats(queue)["dequeued_total"] > 0)
    wait_until(at_rest)


def agreed_stats(api: Api, queue: str) -> dict[str, Any]:
    """The figures of a queue that is at rest, on which ``/health`` and ``/metrics`` agree."""
    stats: dict[str, Any] = api.get("/health").json()["queues"][queue]
    figures = metrics(api)
    for name in COUNTERS:
        assert figures[f"zoldyq_{name}", queue] == stats[name], name
    for name, metric in GAUGES.items():
        assert figures[metric, queue] == stats[name], name
    assert imbalance(stats) == 0
    return stats


def imbalance(stats: Mapping[str, float]) -> float:
    """How many messages came and are not accounted for, by the statistics of a queue."""
    came = stats["enqueued_total"] + stats["put_back_total"]
    gone = stats["dequeued_total"] + stats["purged_total"]
    gone += stats["expired_total"] + stats["overflow_dropped_total"]
    return came - gone - stats["size"]


def metrics(api: Api) -> Figures:
    """Every sample of ``/metrics`` with at most one label, by its name and that label's value."""
    text = api.get("/metrics").body.decode()
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if len(sample.labels) <= 1
    }
