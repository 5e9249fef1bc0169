"""A way for a program to send or take messages, and how it is measured."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol

from benchmarks.figures import Measure, Missing, Probe, expect

SEND = "send, each answered"
SEND_MANY = "send, many under way"
TAKE = "take, one at a time"
TAKE_MANY = "take, many at a time"

#: Messages in one batch, where a client has batches.
BATCH = 100
_SETTLE_SECONDS = 10.0


class Store(Protocol):
    """A queue as its client sees it."""

    def empty(self) -> object:
        """Drop all messages."""

    def fill(self, count: int) -> object:
        """Append so many messages."""

    def held(self) -> int:
        """Return how many messages are there."""


@dataclass(frozen=True)
class Way:
    """``do(count)`` is measured; ``before`` and ``after`` prepare and check, for as many."""

    work: str
    contender: str
    before: Callable[[int], object]
    do: Callable[[int], object]
    after: Callable[[int], object]


def sending(work: str, contender: str, store: Store, do: Callable[[int], object]) -> Way:
    """Return a way that puts messages into an empty queue."""
    return Way(
        work, contender, lambda _: store.empty(), do, lambda count: _expect_held(store, count)
    )


def taking(work: str, contender: str, store: Store, do: Callable[[int], object]) -> Way:
    """Return a way that takes all messages of a queue."""

    def before(count: int) -> None:
        store.empty()
        store.fill(count)
        _expect_held(store, count)

    return Way(work, contender, before, do, lambda _: _expect_held(store, 0))


def probe(way: Way) -> Probe:
    """Measure a way by a number of messages that takes about as long as it should.

    What that number is, is learned from one measurement to the next.
    """
    rate = 500.0

    def run(seconds: float) -> Iterator[Measure]:
        nonlocal rate
        count = max(int(rate * seconds / BATCH), 1) * BATCH
        way.before(count)
        start = time.perf_counter()
        way.do(count)
        rate = count / (time.perf_counter() - start)
        way.after(count)
        yield Measure(way.work, "messages/s", rate)

    return Probe(way.contender, run)


def library(name: str) -> ModuleType:
    """Import a client.

    Raises:
        Missing: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Missing(f"the client {name} is not installed (in the extra bench)") from None


def _expect_held(store: Store, count: int) -> None:
    """Check how many messages are held, once a server that counts late has caught up."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while (held := store.held()) != count and time.monotonic() < deadline:
        time.sleep(0.02)
    expect(held, count, count, "messages held")
