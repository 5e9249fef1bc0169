"""Why messages do not fit into a queue, as its producers are told."""

from __future__ import annotations

from collections.abc import Sequence

from zoldyq.contract.errors import (
    BatchExceedsCapacity,
    MessageTooLarge,
    QueueFull,
    ZoldyQError,
)
from zoldyq.contract.policy import Policy
from zoldyq.queue.message import MESSAGE_OVERHEAD


def cost_of_payloads(payloads: Sequence[bytes]) -> int:
    """Return the bytes that messages with these payloads would be charged."""
    return sum(map(len, payloads)) + MESSAGE_OVERHEAD * len(payloads)


def never_fits(name: str, policy: Policy, payloads: Sequence[bytes]) -> ZoldyQError | None:
    """Return why messages would not even fit into the queue if it were empty; None if they do."""
    count = len(payloads)
    if count > policy.capacity:
        return BatchExceedsCapacity(
            f"a batch of {count} messages can never fit into a queue of {policy.capacity}: "
            "send smaller batches",
            queue_name=name,
            queue_capacity=policy.capacity,
            count=count,
        )
    if policy.max_bytes is None or (cost := cost_of_payloads(payloads)) <= policy.max_bytes:
        return None
    details = {"queue_name": name, "queue_max_bytes": policy.max_bytes, "bytes": cost}
    if count == 1:
        return MessageTooLarge(
            f"a message that is charged {cost} bytes can never fit into a queue of "
            f"{policy.max_bytes} bytes: send less, or raise the queue's max_bytes",
            **details,
        )
    return BatchExceedsCapacity(
        f"a batch that is charged {cost} bytes can never fit into a queue of "
        f"{policy.max_bytes} bytes: send smaller batches",
        **details,
        count=count,
    )


def queue_full(name: str, policy: Policy, size: int, held: int, ahead: int) -> QueueFull:
    """Return what a producer is told whose messages find no room now.

    ``size`` messages are in the queue, charged ``held`` bytes, and ``ahead`` producers wait.
    """
    details: dict[str, object] = {
        "queue_name": name,
        "queue_capacity": policy.capacity,
        "queue_size": size,
    }
    if policy.max_bytes is not None:
        details |= {"queue_bytes": held, "queue_max_bytes": policy.max_bytes}
    if not ahead:
        return QueueFull("the queue is full: consume faster, or send again later", **details)
    return QueueFull(
        "producers that came earlier wait for room in the queue: consume faster, wait with a "
        "timeout, or send again later",
        **details,
        waiting_producers=ahead,
    )
