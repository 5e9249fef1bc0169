"""Many messages to a queue, and how many got there whatever ends it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from zoldyq.cli.output import messages, notice
from zoldyq.cli.progress import Progress
from zoldyq.contract.errors import InvalidJson

if TYPE_CHECKING:
    from zoldyq.client import Producer, RemoteQueue

# The oldest message waits no longer for others to go with it, in seconds.
_DELAY = 0.02


def send_all(queue: RemoteQueue, payloads: Iterable[tuple[str, bytes]], timeout: float) -> int:
    """Send JSON texts in order, and return how many.

    Each comes with what to call it in an error, such as ``line 4``. A batch waits up to
    ``timeout`` seconds for room or for the server. When this ends early, by an error or a signal,
    standard error says how many messages are queued.
    """
    from zoldyq.client import MessagesUnsent

    count = 0
    producer = queue.producer(max_delay=_DELAY, timeout=None, give_up_after=timeout)
    try:
        with Progress("queued") as progress:
            try:
                for name, payload in payloads:
                    _append(producer, name, payload)
                    count += 1
                    progress.show(count)
            finally:
                producer.close()
    except MessagesUnsent as error:
        notice(f"{messages(count - len(error.payloads))} queued before this:")
        raise (error.__cause__ or error) from None
    except InvalidJson:
        notice(f"{messages(count)} queued before this:")
        raise
    except (KeyboardInterrupt, SystemExit):
        notice(f"interrupted; {messages(count)} queued in {queue.name}")
        raise
    return count


def _append(producer: Producer, name: str, payload: bytes) -> None:
    try:
        producer.send_raw(payload)
    except InvalidJson as error:
        raise InvalidJson(f"{name}: {error.message}") from error
