"""What a server's replies say, as Python objects. Unknown fields are passed over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from zoldyq.client.errors import UnexpectedReply, UnreadablePayload
from zoldyq.contract import statistics

_T = TypeVar("_T")


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message that was dequeued, peeked at or streamed.

    ``enqueued_at`` is in microseconds since the epoch.
    """

    _text: msgspec.Raw = msgspec.field(name="payload")
    enqueued_at: int

    @property
    def payload(self) -> Any:
        """The decoded JSON; whole numbers stay whole beyond 64 bits as well.

        Raises:
            UnreadablePayload: Python cannot hold it, as the number 1e400 or a list of 1,000 levels.
        """
        try:
            return msgspec.json.decode(self._text)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            raise UnreadablePayload(self.raw, error) from error

    @property
    def raw(self) -> bytes:
        """The JSON text exactly as it was enqueued."""
        return bytes(self._text)

    def __repr__(self) -> str:
        return f"Message(raw={self.raw!r}, enqueued_at={self.enqueued_at})"


class Receipt(msgspec.Struct, frozen=True):
    """The acknowledgement of ``count`` messages that are queued now.

    ``queue_size`` is the number of messages in the queue afterwards, ``enqueued_at`` their time
    stamp in microseconds since the epoch. ``dropped`` is the number of older messages that had to
    go for them, from a queue with ``overflow="drop_oldest"``.
    """

    queue_name: str
    queue_size: int
    enqueued_at: int
    count: int = 1
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats(statistics.QueueStats):
    """The statistics of one queue, as :mod:`zoldyq.contract.statistics` explains, and its policy.

    The fields of the policy are those of :class:`Policy`.
    """


class Queues(msgspec.Struct, frozen=True):
    """The statistics of all queues, by their names."""

    queues: dict[str, QueueStats]


class Backend(msgspec.Struct, frozen=True):
    """Where a server keeps its queues: ``kind`` is ``memory`` or ``redis``.

    ``nodes`` are the servers of Redis, and ``up`` says whether they answer.
    """

    kind: str
    nodes: list[str] = []
    up: bool = True


class Health(msgspec.Struct, frozen=True):
    """How a server is. ``status`` is ``healthy``, or ``draining`` while it stops.

    A server that asks for a token tells of its queues only those who may see them: for others
    ``total_queues`` is None and ``queues`` is empty. So does one whose backend does not answer.
    """

    status: str
    uptime_seconds: float
    version: str
    total_queues: int | None = None
    queues: dict[str, QueueStats] = {}
    backend: Backend = Backend("memory")


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Messages that came in one reply or frame, oldest first."""

    messages: list[Message]


class Created(msgspec.Struct, frozen=True):
    """Whether a queue came into being."""

    created: bool


class Purged(msgspec.Struct, frozen=True):
    """How many messages a purge dropped."""

    purged: int


class Moved(msgspec.Struct, frozen=True):
    """How many messages went to another queue."""

    moved: int


class Deleted(msgspec.Struct, frozen=True):
    """How many messages went with a queue that was deleted."""

    dropped: int


class Policy(msgspec.Struct, frozen=True):
    """What holds for a queue: ``capacity`` in messages, ``max_bytes``, ``ttl_seconds`` for each
    message, ``overflow`` (``reject`` or ``drop_oldest``), and ``idle_seconds`` until a queue that
    nobody uses is deleted. None is no limit.
    """

    capacity: int
    max_bytes: int | None = None
    ttl_seconds: float | None = None
    overflow: str = "reject"
    idle_seconds: float | None = None


class Declared(Policy, frozen=True, kw_only=True):
    """The policy of a queue that was declared; ``created`` unless it was there before."""

    created: bool


class Updated(Policy, frozen=True, kw_only=True):
    """The policy of a queue after an update; ``changed`` unless it was so before."""

    changed: bool


def decode(body: bytes | str, kind: type[_T]) -> _T:
    """Read a reply of this kind.

    Raises:
        UnexpectedReply: it is something else.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except RecursionError:
        return _decode_from_the_bottom(body, kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnexpectedReply(
            f"this is not the reply of a ZoldyQ server ({error}): check the address", status=200
        ) from error


def _decode_from_the_bottom(body: bytes | str, kind: type[_T]) -> _T:
    """Read a reply on the stack of a new thread, as this one's is too deep for a nested payload.

    The server has read it, so it is not too deep for a stack that is empty.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(msgspec.json.decode, body, type=kind).result()
