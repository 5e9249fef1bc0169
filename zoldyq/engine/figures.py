"""What the scripts say of a queue, as the contract has it: its policy and its statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zoldyq.contract.policy import FIELDS, Policy
from zoldyq.contract.statistics import QueueStats
from zoldyq.engine.call import microseconds, milliseconds

#: The fields of a policy as the hash of a queue has them. Lifetimes are in microseconds there, idle
#: times in milliseconds.
_HASH_FIELDS = {
    "capacity": "capacity",
    "max_bytes": "max_bytes",
    "ttl_seconds": "ttl",
    "overflow": "overflow",
    "idle_seconds": "idle",
}
#: The fields of the hash in stats.lua's answer, in its order.
_STATS = (
    *("gen", "capacity", "max_bytes", "ttl", "overflow", "idle"),
    *("bytes", "enqueued", "put_back", "purged", "expired", "overflow_dropped"),
    *("full", "timeouts", "created", "used"),
)


def word_of(field: str, value: Any) -> tuple[str, str]:
    """Return the name of a policy's field in the hash, and its value; empty for no bound."""
    if value is None:
        word = ""
    elif field == "ttl_seconds":
        word = str(microseconds(value))
    elif field == "idle_seconds":
        word = str(milliseconds(value))
    else:
        word = str(value)
    return _HASH_FIELDS[field], word


def words_of(policy: Policy) -> list[str]:
    """Return all fields of a policy as create.lua wants them."""
    return [word_of(each.name, getattr(policy, each.name))[1] for each in FIELDS]


def policy_of(values: Sequence[Any]) -> Policy:
    """Read the five fields that a script answers; empty or None for no bound."""
    capacity, max_bytes, ttl, overflow, idle = values
    return Policy(
        capacity=int(capacity),
        max_bytes=int(max_bytes) if max_bytes else None,
        ttl_seconds=int(ttl) / 1e6 if ttl else None,
        overflow="drop_oldest" if overflow == b"drop_oldest" else "reject",
        idle_seconds=int(idle) / 1e3 if idle else None,
    )


def stats_of(reply: Sequence[Any], now_us: int) -> QueueStats:
    """Read what stats.lua answered; what has expired at the head is counted out of the queue."""
    values, size, consumers, producers, oldest, stale, stale_bytes = reply
    of = dict(zip(_STATS, values, strict=True))
    counted = {
        field: int(of[field] or 0)
        for field in ("enqueued", "put_back", "purged", "expired", "overflow_dropped")
    }
    gone = counted["purged"] + counted["expired"] + counted["overflow_dropped"]
    policy = policy_of(values[1:6])
    oldest_us = int(oldest)
    return QueueStats(
        size=size - stale,
        utilization=round((size - stale) / policy.capacity, 6),
        bytes=int(of["bytes"] or 0) - stale_bytes,
        oldest_age_seconds=max(now_us - oldest_us, 0) / 1e6 if oldest_us else 0.0,
        created_at=int(of["created"] or 0),
        enqueued_total=counted["enqueued"],
        dequeued_total=counted["enqueued"] + counted["put_back"] - gone - size,
        queue_full_total=int(of["full"] or 0),
        dequeue_timeout_total=int(of["timeouts"] or 0),
        put_back_total=counted["put_back"],
        purged_total=counted["purged"],
        expired_total=counted["expired"] + stale,
        overflow_dropped_total=counted["overflow_dropped"],
        waiting_consumers=consumers,
        waiting_producers=producers,
        **policy.document(),
    )
