"""Many messages to a queue, and how many got there whatever ends it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoldyq.cli.output import messages, notice
from zoldyq.cli.progress import Progress
from zoldyq.contract.errors import InvalidJson, ZoldyQError

if TYPE_CHECKING:
    from zoldyq.client import Producer, RemoteQueue

# The oldest message waits no longer for others to go with it, in seconds.
_DELAY = 0.02


@dataclass(frozen=True)
class Sent:
    """How many messages are queued, and how many older ones had to go from the queue for them."""

    count: int
    dropped: int

    def document(self, queue_name: str) -> dict[str, object]:
        """Return what ``--json`` tells."""
        return {"queue_name": queue_name, "count": self.count, "dropped": self.dropped}

    def text(self, queue_name: str) -> str:
        """Return what a person is told."""
        told = f"queued {messages(self.count)} in {queue_name}"
        return f"{told}; {messages(self.dropped)} dropped for them" if self.dropped else told


def send_all(
    queue: RemoteQueue,
    payloads: Iterable[tuple[str, bytes]],
    timeout: float,
    ttl: float | None = None,
) -> Sent:
    """Send JSON texts in order, and return what became of them.

    Each comes with what to call it in an error, such as ``line 4``. A batch waits up to
    ``timeout`` seconds for room or for the server. When this ends early, by an error or a signal,
    standard error says how many messages are queued.
    """
    from zoldyq.client import MessagesUnsent

    producer = queue.producer(max_delay=_DELAY, timeout=None, give_up_after=timeout, ttl=ttl)
    try:
        _send(producer, payloads)
    except MessagesUnsent as error:
        notice(f"{messages(_queued(producer))} queued before this:")
        raise (error.__cause__ or error) from None
    except ZoldyQError:
        notice(f"{messages(_queued(producer))} queued before this:")
        raise
    except (KeyboardInterrupt, SystemExit):
        # Once more: the signal may have come instead of the first closing, or in the middle of it.
        with suppress(MessagesUnsent):
            producer.close()
        notice(f"interrupted; {messages(_queued(producer))} queued in {queue.name}")
        raise
    return Sent(_queued(producer), producer.stats().displaced)


def _send(producer: Producer, payloads: Iterable[tuple[str, bytes]]) -> None:
    """Send all, and what was accepted before an exception as well."""
    with Progress("queued") as progress:
        try:
            for count, (name, payload) in enumerate(payloads, start=1):
                _append(producer, name, payload)
                progress.show(count)
        finally:
            producer.close()


def _append(producer: Producer, name: str, payload: bytes) -> None:
    try:
        producer.send_raw(payload)
    except InvalidJson as error:
        raise InvalidJson(f"{name}: {error.message}") from error


def _queued(producer: Producer) -> int:
    """Return how many messages the server has acknowledged, and tell of those it may have twice."""
    stats = producer.stats()
    if stats.resent:
        notice(f"{messages(stats.resent)} may be queued twice: the server's reply was lost")
    return stats.acknowledged
