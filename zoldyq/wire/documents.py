"""The documents that clients get, field by field.

Most are encoded from the classes here. Those of the hot path are written from byte templates in
:mod:`zoldyq.wire.replies`, and are described here for the OpenAPI document. ``Any JSON`` is a
payload, kept as it was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from zoldyq.contract.errors import ERRORS
from zoldyq.contract.policy import Overflow
from zoldyq.contract.statistics import QueueStats

Whole = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
Yes = Annotated[bool, Meta(extra_json_schema={"const": True})]
AnyJson = Annotated[Raw, Meta(description="Any JSON, kept as it was written")]
BatchCount = Annotated[int, Meta(ge=1, description="Given for a batch")]
DroppedCount = Annotated[
    int, Meta(ge=1, description="Given if so many of the oldest messages had to go for these")
]
Code = Annotated[str, Meta(extra_json_schema={"enum": sorted(ERRORS)})]


class Enqueued(Struct, kw_only=True):
    """Messages are queued. ``enqueued_at`` is in microseconds since the epoch."""

    queued: Yes
    queue_name: str
    count: BatchCount | UnsetType = UNSET
    queue_size: Whole
    enqueued_at: Whole
    dropped: DroppedCount | UnsetType = UNSET


class Message(Struct):
    """The only message of a reply."""

    payload: AnyJson
    queue_name: str
    queue_size: Whole
    enqueued_at: Whole


class MessageInBatch(Struct):
    """One of the messages of a reply or frame."""

    payload: AnyJson
    enqueued_at: Whole


class Messages(Struct):
    """The messages of a reply, oldest first."""

    messages: list[MessageInBatch]
    queue_name: str
    count: Whole
    queue_size: Whole


class StreamedMessage(Struct):
    """The message of a WebSocket frame."""

    payload: AnyJson
    queue_name: str
    enqueued_at: Whole


class StreamedMessages(Struct):
    """The messages of a WebSocket frame, oldest first."""

    messages: list[MessageInBatch]
    queue_name: str
    count: Whole


class Created(Struct):
    """Whether a queue is new, and its policy."""

    created: bool
    queue_name: str
    capacity: Whole
    max_bytes: Whole | None
    ttl_seconds: Seconds | None
    overflow: Overflow
    idle_seconds: Seconds | None


class Changed(Struct):
    """Whether the policy of a queue is another one now, and which."""

    changed: bool
    queue_name: str
    capacity: Whole
    max_bytes: Whole | None
    ttl_seconds: Seconds | None
    overflow: Overflow
    idle_seconds: Seconds | None


class Deleted(Struct):
    """A queue was deleted; ``dropped`` messages were in it."""

    deleted: Yes
    queue_name: str
    dropped: Whole


class Purged(Struct):
    """A queue lost ``purged`` messages by a purge."""

    queue_name: str
    purged: Whole


class Moved(Struct):
    """``moved`` messages went from a queue ``to`` another one; ``left`` stayed behind."""

    queue_name: str
    to: str
    moved: Whole
    left: Whole


# The statistics of queues by name; or the same as JSON text, which the encoder copies.
EncodedQueues = Any


def encode_queues(
    parts: Iterable[Sequence[tuple[str, QueueStats]]],
) -> tuple[int, EncodedQueues]:
    """Return how many queues there are, and their statistics, which are encoded part by part."""
    count = 0
    texts = []
    for part in parts:
        count += len(part)
        texts.append(msgspec.json.encode(dict(part))[1:-1])
    return count, Raw(b"{%b}" % b",".join(texts))


class Queues(Struct):
    """The statistics of all queues, by name."""

    total_queues: Whole
    queues: Mapping[str, QueueStats]


class Backend(Struct, omit_defaults=True):
    """Where the queues are: in the memory of the process, or in Redis, and whether it answers."""

    kind: Literal["memory", "redis"]
    nodes: list[str] | UnsetType = UNSET
    up: bool | UnsetType = UNSET


class Health(Struct):
    """How the server is. Who may not observe the queues is told nothing of them or of
    where they are, and no one is told of the queues while the backend is away."""

    status: Literal["healthy", "draining"]
    uptime_seconds: Seconds
    version: str
    backend: Backend | UnsetType = UNSET
    total_queues: Whole | UnsetType = UNSET
    queues: Mapping[str, QueueStats] | UnsetType = UNSET


class Live(Struct):
    """The process lives."""

    alive: Yes


class Ready(Struct):
    """Whether new messages are welcome, and why not."""

    ready: bool
    reason: Literal["shutting_down", "memory_limit", "backend_unavailable"] | UnsetType = UNSET


class ServerHistory(Struct):
    """Quantiles of the durations of the server's operations, for all queues together, in seconds:
    those that waited are left out. ``at`` is in microseconds since the epoch."""

    at: list[Whole]
    samples: Mapping[str, list[float | None]]


class History(Struct):
    """The last hour of a queue, in columns: one value for each time in ``at`` (microseconds since
    the epoch). What is not known is null."""

    queue_name: str
    interval_seconds: Seconds
    at: list[Whole]
    samples: Mapping[str, list[float | None]]
    server: ServerHistory


class Client(Struct):
    """Who waits for a queue, or has a stream open, and for how long. The address is null where it
    is not known, and for those who may not manage the queue."""

    kind: Literal["enqueue", "dequeue", "stream_in", "stream_out"]
    address: str | None
    seconds: Seconds


class Clients(Struct):
    """Who waits for a queue, the longest first; ``total_clients`` counts those left out, too."""

    queue_name: str
    total_clients: Whole
    clients: list[Client]


class Setting(Struct):
    """A setting that holds, as a person would write it. Null stands for none, and for a secret that
    is set."""

    name: str
    value: str | None
    default: str | None
    meaning: str
    secret: bool


class Settings(Struct):
    """The settings that hold. No secret is told."""

    settings: list[Setting]


class Error(Struct):
    """Why a request was refused, beside details such as the queue's name."""

    error: Code
    message: str


_stats_of = attrgetter(*(each.name for each in fields(QueueStats)))

#: The statistics of one queue, beside its name.
Queue = msgspec.defstruct(
    "Queue",
    [("queue_name", str), *get_type_hints(QueueStats).items()],
    module=__name__,
    namespace={"__doc__": "The statistics of one queue."},
)


def queue_document(name: str, stats: QueueStats) -> Struct:
    """Return the statistics of one queue."""
    document: Any = Queue
    described: Struct = document(name, *_stats_of(stats))
    return described
