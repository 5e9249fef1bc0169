"""Why queues refuse what is asked of them, as clients are told."""

from __future__ import annotations

from collections.abc import Sequence

from zoldyq.contract.errors import (
    BatchExceedsCapacity,
    MaxQueuesReached,
    MessageTooLarge,
    QueueExists,
    QueueFull,
    QueueNotFound,
    ShuttingDown,
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


def not_found(name: str, *, on_demand: bool) -> QueueNotFound:
    """Return what those are told who name a queue that does not exist.

    ``on_demand`` tells whether an enqueue creates queues.
    """
    if on_demand:
        text = "there is no such queue: the first enqueue creates it, or PUT"
    else:
        text = (
            "there is no such queue, and this server creates none on demand: create it by PUT, "
            "or check the name"
        )
    return QueueNotFound(text, queue_name=name)


def queue_exists(name: str, present: Policy, differs: Sequence[str]) -> QueueExists:
    """Return what those are told who create a queue that exists with another policy."""
    return QueueExists(
        "the queue exists with another policy: change it by PATCH, delete it first, or "
        "leave it as it is",
        queue_name=name,
        differs=differs,
        **present.document(),
    )


def too_many_queues(most: int) -> MaxQueuesReached:
    """Return what the one is told who would create a queue too many."""
    return MaxQueuesReached(
        f"there are {most} queues already: delete one, or raise max_queues", max_queues=most
    )


def shutting_down() -> ShuttingDown:
    """Return what producers are told while the server stops."""
    return ShuttingDown("the server is shutting down: send the message elsewhere, or later")
