"""Every message has an identity, and the ledger knows what became of each.

Producers write down what they send and what was answered, consumers what they received. At the end
the other messages were purged, dropped or lost. The audit (tests/trust/audit.py) says which, by the
counters of the server.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Identity(NamedTuple):
    """Who sent a message, and as which of its own."""

    producer: int
    number: int


def payload_of(identity: Identity, size: int = 0) -> str:
    """The payload that carries an identity, at least ``size`` characters long."""
    return f"{identity.producer}:{identity.number}:".ljust(size, "x")


def identity_of(payload: str) -> Identity:
    """The identity that a payload carries."""
    producer, number, _ = payload.split(":", 2)
    return Identity(int(producer), int(number))


class Ledger:
    """What became of every message, as its sender and its receiver tell. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards every field below
        self._under_way: set[Identity] = set()
        #: Messages that the server said it had queued.
        self.accepted = 0
        #: Messages whose sender never learned what became of them.
        self.unanswered = 0
        self.received = 0
        #: What came twice, or was never sent.
        self.unexpected: list[Identity] = []
        #: Messages that a consumer received after a later one of the same producer.
        self.overtaken = 0

    def send(self, messages: Sequence[Identity]) -> None:
        """Take down messages that are about to be sent: they may arrive before the answer."""
        with self._lock:
            self._under_way.update(messages)

    def accept(self, count: int) -> None:
        """Take down that the server has queued ``count`` messages."""
        with self._lock:
            self.accepted += count

    def refuse(self, messages: Sequence[Identity]) -> None:
        """Take down messages that the server refused: if one is received, it is an error."""
        with self._lock:
            self._under_way.difference_update(messages)

    def give_up(self, count: int) -> None:
        """Take down that no answer came for so many messages."""
        with self._lock:
            self.unanswered += count

    def receiver(self) -> Receiver:
        """A new consumer, whose messages have to come in each producer's order."""
        return Receiver(self)

    def take(self, messages: Iterable[Identity], latest: dict[int, int]) -> None:
        """Take down received messages; ``latest`` is the consumer's last number by producer."""
        with self._lock:
            for message in messages:
                self._take(message, latest)

    def missing(self) -> frozenset[Identity]:
        """What was sent, was not refused, and has not arrived."""
        with self._lock:
            return frozenset(self._under_way)

    def _take(self, message: Identity, latest: dict[int, int]) -> None:
        if message not in self._under_way:
            self.unexpected.append(message)
            return
        self._under_way.remove(message)
        self.received += 1
        if message.number < latest.get(message.producer, -1):
            self.overtaken += 1
        else:
            latest[message.producer] = message.number


class Receiver:
    """One consumer's page in the ledger. Belongs to one thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._latest: dict[int, int] = {}

    def take(self, payloads: Iterable[str]) -> None:
        """Take down received payloads, in the order in which they came."""
        self._ledger.take(map(identity_of, payloads), self._latest)
