"""What a program chooses for a stream or a producer, checked where it comes in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import msgspec

from zoldyq.client.address import queue_path
from zoldyq.client.buffer import Limits
from zoldyq.client.deadline import seconds
from zoldyq.client.errors import InvalidOption
from zoldyq.contract.errors import ZoldyQError
from zoldyq.contract.names import check_queue_name

WhenFull = Literal["block", "drop_oldest", "raise"]

#: A batch is sent once it has so many messages or bytes.
BATCH_MESSAGES = 1_000
BATCH_BYTES = 1 << 20


class StreamOptions(msgspec.Struct, frozen=True):
    """What :meth:`RemoteQueue.consume` explains; infinity for no limit. ``path`` is the queue's."""

    name: str
    path: str
    credit: int
    limit: float
    idle_timeout: float
    reconnect_seconds: float


class SenderOptions(msgspec.Struct, frozen=True):
    """What :meth:`RemoteQueue.producer` explains. ``name`` is the queue's, for the log."""

    name: str
    limits: Limits
    max_delay: float
    when_full: WhenFull = "block"
    resend_unknown: bool = True
    give_up_after: float = math.inf
    on_error: Callable[[ZoldyQError], object] | None = None


def checked_name(name: object) -> str:
    """Return the name of a queue. Raises InvalidOption, InvalidQueueName."""
    if not isinstance(name, str):
        raise InvalidOption(f"the name of a queue must be a str, not {name!r}")
    # Not left to the server, for which a slash would make another path of it.
    check_queue_name(name)
    return name


def stream_options(
    name: str,
    *,
    credit: int,
    limit: int | None,
    idle_timeout: float | None,
    reconnect_seconds: float | None,
) -> StreamOptions:
    """Return the options of a stream. Raises InvalidOption, InvalidTimeout."""
    _check_count("credit", credit)
    _check_count("limit", 1 if limit is None else limit)
    return StreamOptions(
        name=name,
        path=queue_path(name, "dequeue"),
        credit=credit,
        limit=math.inf if limit is None else limit,
        idle_timeout=seconds(idle_timeout, "idle_timeout"),
        reconnect_seconds=seconds(reconnect_seconds, "reconnect_seconds"),
    )


def check_sender_options(options: SenderOptions) -> None:
    """Raise InvalidOption or InvalidTimeout if one is out of its range."""
    limits = msgspec.structs.astuple(options.limits)
    if any(not isinstance(limit, int) or limit < 1 for limit in limits):
        raise InvalidOption(
            "max_messages, max_bytes, buffer_messages and buffer_bytes must be whole numbers from "
            f"1, not {', '.join(map(repr, limits))}"
        )
    seconds(options.max_delay, "max_delay")
    policies = get_args(WhenFull)
    if options.when_full not in policies:
        raise InvalidOption(
            f"when_full must be one of {', '.join(policies)}, not {options.when_full!r}"
        )


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, int) or value < 1:
        raise InvalidOption(f"{name} must be a whole number from 1, not {value!r}")
