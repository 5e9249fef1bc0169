"""What is asked of a server about one queue, each as the request that asks it."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from zoldyq.client.address import queue_path
from zoldyq.client.exchange import Request
from zoldyq.contract.policy import check_fields


class PolicyFields(msgspec.Struct, frozen=True, kw_only=True):
    """Fields of a queue's policy. What is UNSET is not sent; None takes a limit away."""

    capacity: int | UnsetType = UNSET
    max_bytes: int | UnsetType | None = UNSET
    ttl_seconds: float | UnsetType | None = UNSET
    overflow: str | UnsetType = UNSET
    idle_seconds: float | UnsetType | None = UNSET


def enqueue(name: str, body: bytes, ttl: float | None) -> Request:
    """Append the message or messages of a body, which live for ``ttl`` seconds."""
    parameters = {} if ttl is None else {"ttl": ttl}
    return Request("POST", queue_path(name, "enqueue"), parameters, body, waits=True)


def dequeue(name: str, count: int | None = None) -> Request:
    """Take a message, or up to ``count`` of them.

    By POST, because some clients and proxies send a GET again that was not answered.
    """
    parameters = {} if count is None else {"count": count}
    return Request("POST", queue_path(name, "dequeue"), parameters, waits=True)


def peek(name: str, count: int) -> Request:
    """Look at up to ``count`` messages."""
    return Request("GET", queue_path(name, "peek"), {"count": count}, harmless=True)


def stats(name: str) -> Request:
    """Ask for the queue's statistics."""
    return Request("GET", queue_path(name), harmless=True)


def declare(name: str, fields: PolicyFields) -> Request:
    """Create the queue with a policy, unless it is there with the same."""
    return Request("PUT", queue_path(name), body=_policy(fields))


def update(name: str, fields: PolicyFields) -> Request:
    """Change the policy of the queue."""
    return Request("PATCH", queue_path(name), body=_policy(fields))


def move(name: str, to: str, count: int | None) -> Request:
    """Move up to ``count`` messages to another queue."""
    parameters: dict[str, str | int | float] = {"to": to}
    if count is not None:
        parameters["count"] = count
    return Request("POST", queue_path(name, "move"), parameters)


def purge(name: str) -> Request:
    """Drop all messages."""
    return Request("POST", queue_path(name, "purge"))


def delete(name: str) -> Request:
    """Delete the queue."""
    return Request("DELETE", queue_path(name))


def _policy(fields: PolicyFields) -> bytes:
    """Return the body that gives these fields.

    They are checked here as well as by the server, as JSON would turn nan and inf into null, which
    takes a limit away.
    """
    given = msgspec.structs.asdict(fields).items()
    check_fields({name: value for name, value in given if value is not UNSET})
    return msgspec.json.encode(fields)
