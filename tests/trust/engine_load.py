"""Producers and consumers that move between front ends, and what they write down.

Each party has one request under way. When its front end fails it goes on at another one. All that
it was answered is written down with the time: at the end of a row the journals say which messages
were lost, came twice, or came although they were refused.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.contract.raw import Response, Wire
from tests.helpers import Task
from zoldyq.client import Client, ClientError
from zoldyq.contract.errors import ZoldyQError

#: After at most so many requests a party goes to another front end.
_STAY = 80
#: How long a consumer waits for a message, in seconds.
_POLL = 0.3
#: What a party does after a failure or a refusal before it goes on, in seconds.
_PAUSE = 0.01

Address = tuple[str, int]


class Journal:
    """What one party was answered. One thread writes; it is read when that has ended, or as a guess
    of how far it is."""

    def __init__(self) -> None:
        self.accepted: dict[str, float] = {}  # when it was sent, monotonic seconds
        self.refused: set[str] = set()
        self.unknown: set[str] = set()
        self.received: list[str] = []
        self.statuses: Counter[int] = Counter()
        #: The longest time between two answers that went well, in seconds.
        self.longest_gap = 0.0
        self._last = time.monotonic()

    def answered(self, status: int) -> None:
        """Take down the status of an answer."""
        self.statuses[status] += 1
        if status in (200, 204):
            now = time.monotonic()
            self.longest_gap = max(self.longest_gap, now - self._last)
            self._last = now


class Outcome(NamedTuple):
    """What became of the messages of a row; ``lost`` are those that were sent after ``since``."""

    accepted: int
    received: int
    lost: int
    lost_before: int
    twice: int
    unasked: int  # refused or never sent, and received all the same
    without_an_answer: int
    statuses: dict[int, int]
    longest_gap_seconds: float


def outcome_of(sent: Sequence[Journal], got: Sequence[Journal], since: float) -> Outcome:
    """Compare what producers and consumers wrote down."""
    came = Counter(message for journal in got for message in journal.received)
    accepted = {message: at for journal in sent for message, at in journal.accepted.items()}
    unknown = set().union(*(journal.unknown for journal in sent))
    lost = [at for message, at in accepted.items() if message not in came]
    journals = [*sent, *got]
    return Outcome(
        accepted=len(accepted),
        received=sum(came.values()),
        lost=sum(at >= since for at in lost),
        lost_before=sum(at < since for at in lost),
        twice=sum(times > 1 for times in came.values()),
        unasked=sum(message not in accepted and message not in unknown for message in came),
        without_an_answer=len(unknown),
        statuses=dict(sum((journal.statuses for journal in journals), Counter[int]())),
        longest_gap_seconds=round(max(each.longest_gap for each in journals), 2),
    )


class Load:
    """Parties at one queue, on threads of this process.

    ``addresses()`` are the front ends that are there now.
    """

    def __init__(
        self,
        addresses: Callable[[], list[Address]],
        queue: str,
        *,
        producers: int = 3,
        consumers: int = 4,
        streams: int = 1,
        payload_bytes: int = 40,
    ) -> None:
        self._addresses = addresses
        self._queue = queue
        self._bytes = payload_bytes
        self._producing = self._consuming = True
        self._sent = [Journal() for _ in range(producers)]
        self._got = [Journal() for _ in range(consumers + streams)]
        self._producers = [
            Task(lambda n=n, j=j: self._produce(n, j))  # type: ignore[misc]
            for n, j in enumerate(self._sent)
        ]
        ways = [self._consume] * consumers + [self._stream] * streams
        self._consumers = [
            Task(lambda w=w, n=n, j=j: w(n, j))  # type: ignore[misc]
            for n, (w, j) in enumerate(zip(ways, self._got, strict=True))
        ]

    @property
    def received(self) -> int:
        """How many messages have come so far."""
        return sum(len(journal.received) for journal in self._got)

    @property
    def accepted(self) -> int:
        """How many messages were queued so far."""
        return sum(len(journal.accepted) for journal in self._sent)

    def refusals(self, status: int) -> int:
        """How often producers were answered this status so far."""
        return sum(journal.statuses[status] for journal in self._sent)

    def finish(self, patience: float, since: float = 0.0) -> Outcome:
        """Stop producing, consume until all has come or nothing has for ``patience`` seconds, end.

        What was sent before ``since`` counts for itself: the row takes it away on purpose.
        """
        self._producing = False
        for producer in self._producers:
            producer.result()
        seen, until = -1, 0.0
        while self._missing(since) and (self.received != seen or time.monotonic() < until):
            if self.received != seen:
                seen, until = self.received, time.monotonic() + patience
            time.sleep(0.05)
        self._consuming = False
        for consumer in self._consumers:
            consumer.result()
        return outcome_of(self._sent, self._got, since)

    def _missing(self, since: float) -> bool:
        came = set(itertools.chain.from_iterable(list(each.received) for each in self._got))
        return any(
            at >= since and message not in came
            for journal in self._sent
            for message, at in journal.accepted.items()
        )

    # -- one party, one thread -------------------------------------------------------------------

    def _produce(self, number: int, journal: Journal) -> None:
        caller = Caller(self._addresses, number)
        for count in itertools.count():
            if not self._producing:
                break
            message = f"{number}:{count}:".ljust(self._bytes, "x")
            at = time.monotonic()
            body = json.dumps({"payload": message}).encode()
            response = caller.request(f"/queues/{self._queue}/enqueue", body)
            if response is None:
                journal.unknown.add(message)
                continue
            journal.answered(response.status)
            if response.status == 200:
                journal.accepted[message] = at
                continue
            queued = response.json().get("queued", False)
            (journal.unknown if queued == "unknown" else journal.refused).add(message)
            time.sleep(_PAUSE)
        caller.close()

    def _consume(self, number: int, journal: Journal) -> None:
        caller = Caller(self._addresses, 1000 + number)
        while self._consuming:
            response = caller.request(f"/queues/{self._queue}/dequeue?timeout={_POLL}")
            if response is None:
                continue
            journal.answered(response.status)
            if response.status == 200:
                journal.received.append(response.json()["payload"])
            elif response.status != 204:
                time.sleep(_PAUSE)
        caller.close()

    def _stream(self, number: int, journal: Journal) -> None:
        """Consume over a WebSocket, of which some messages are on their way when it ends."""
        dice = random.Random(2000 + number)
        while self._consuming:
            host, port = dice.choice(self._addresses())
            try:
                with Client(f"http://{host}:{port}") as client:
                    stream = client.queue(self._queue).consume(
                        credit=3, limit=_STAY, idle_timeout=_POLL, reconnect_seconds=0
                    )
                    for message in stream:
                        journal.received.append(message.payload)
                        journal.answered(200)
            except (ClientError, ZoldyQError):
                time.sleep(_PAUSE)


class Caller:
    """One connection at a time, to this front end and then to that. Used by one thread."""

    def __init__(self, addresses: Callable[[], list[Address]], seed: int) -> None:
        self._addresses = addresses
        self._dice = random.Random(seed)
        self._wire: Wire | None = None
        self._left = 0  # requests until it goes to another front end

    def request(self, target: str, body: bytes = b"") -> Response | None:
        """Send a request; return None if no answer came."""
        wire = self._connected()
        try:
            return wire.request("POST", target, body)
        except (OSError, AssertionError):
            self.close()
            return None

    def close(self) -> None:
        """Close the connection."""
        if self._wire is not None:
            self._wire.socket.close()
            self._wire = None

    def _connected(self) -> Wire:
        """Return a connection to a front end that listens."""
        self._left -= 1
        if self._left <= 0:
            self.close()
            self._left = self._dice.randrange(1, _STAY)
        while self._wire is None:
            try:
                self._wire = Wire(self._dice.choice(self._addresses()))
            except OSError:
                time.sleep(_PAUSE)
        return self._wire
