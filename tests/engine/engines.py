"""Engines in the process of the tests, each on an event loop of its own, and load for them."""

from __future__ import annotations

import threading
import time
from collections import Counter

from tests.helpers import Task, wait_until
from zoldyq.contract.errors import BackendUnavailable, NotReplicated
from zoldyq.contract.policy import Policy
from zoldyq.engine.address import parse_address
from zoldyq.engine.engine import Engine
from zoldyq.engine.places import Offer, Take
from zoldyq.engine.queues import EngineQueues
from zoldyq.engine.settings import EngineSettings
from zoldyq.queue import Bell, Delivery, Receipt
from zoldyq.server.native.loop.reactor import Reactor

A_LOT = 1 << 20


class EngineFrontEnd:
    """An engine on a loop, driven by the test's thread."""

    def __init__(self, url: str, settings: EngineSettings, policy: Policy) -> None:
        self.reactor = Reactor("test", lambda second: None)
        self._thread = threading.Thread(target=self.reactor.run, daemon=True)
        self._thread.start()
        self.engine = Engine(parse_address(url), settings, lambda _name: policy)
        self.engine.attach(self.reactor)
        self.queues = EngineQueues(self.engine, lambda _name: policy)
        wait_until(lambda: self.engine.up)

    def enqueue(self, name: str, *payloads: bytes) -> Receipt:
        return await_receipt(*self.begin_enqueue(name, *payloads))

    def begin_enqueue(self, name: str, *payloads: bytes, waits: bool = False) -> tuple[Bell, Offer]:
        bell = Bell()
        place = self.queues.begin_enqueue(name, payloads, wake=bell.ring, waits=waits)
        return bell, place

    def dequeue(self, name: str, count: int = 1) -> list[bytes]:
        return await_messages(*self.begin_dequeue(name, count))

    def begin_dequeue(self, name: str, count: int = 1, *, waits: bool = False) -> tuple[Bell, Take]:
        bell = Bell()
        place = self.queues.begin_dequeue(name, count, A_LOT, wake=bell.ring, waits=waits)
        return bell, place

    def wait_in_line(self, name: str) -> tuple[Bell, Take]:
        """Stand in line of a queue that exists, and return once that is so."""
        before = self.waiting(name)
        waiting = self.begin_dequeue(name, waits=True)
        wait_until(lambda: self.waiting(name) == before + 1)
        return waiting

    def waiting(self, name: str) -> int:
        return self.queues.stats(name).waiting_consumers

    def create(self, name: str) -> None:
        self.enqueue(name, b"first")
        assert self.dequeue(name) == [b"first"]

    def stop(self) -> None:
        self.engine.close()
        self.reactor.stop()
        self._thread.join(10)


def await_delivery(bell: Bell, place: Take) -> Delivery:
    wait_until(lambda: bell.sleep(time.monotonic() + 1) and place.settled)
    delivery = place.leave()
    assert delivery is not None
    return delivery


def await_messages(bell: Bell, place: Take) -> list[bytes]:
    return [message.payload for message in await_delivery(bell, place).messages]


def await_receipt(bell: Bell, place: Offer) -> Receipt:
    wait_until(lambda: bell.sleep(time.monotonic() + 1) and place.settled)
    receipt = place.leave()
    assert receipt is not None
    return receipt


class EngineLoad:
    """A producer at one front end and a consumer at another, until :meth:`finish`.

    Numbers that were accepted are in ``accepted``; those of which nobody knows in ``unknown``.
    """

    def __init__(self, producer: EngineFrontEnd, consumer: EngineFrontEnd, name: str) -> None:
        self.accepted: list[int] = []
        self.refused: list[int] = []
        self.unknown: list[int] = []
        self.got: list[int] = []
        self._producer, self._consumer, self._name = producer, consumer, name
        self._producing = self._consuming = True
        self._tasks = [Task(self._produce), Task(self._consume)]

    def go_on(self, count: int = 50) -> None:
        """Wait until so many more messages have gone through."""
        seen = len(self.got)
        wait_until(lambda: len(self.got) >= seen + count)

    def finish(self) -> None:
        """Produce no more, consume what is left, and end."""
        self._producing = False
        self._tasks[0].result()
        wait_until(lambda: set(self.accepted) <= set(self.got) or self._is_empty())
        self._consuming = False
        self._tasks[1].result()

    @property
    def lost(self) -> set[int]:
        """What was accepted and never came."""
        return set(self.accepted) - set(self.got)

    @property
    def twice(self) -> list[int]:
        """What came more than once."""
        return [number for number, times in Counter(self.got).items() if times > 1]

    def _is_empty(self) -> bool:
        try:
            return self._consumer.queues.stats(self._name).size == 0
        except BackendUnavailable:
            return False

    def _produce(self) -> None:
        number = 0
        while self._producing:
            number += 1
            try:
                self._producer.enqueue(self._name, b"%d" % number)
            except (BackendUnavailable, NotReplicated) as error:
                known = error.details.get("queued") is False
                (self.refused if known else self.unknown).append(number)
            else:
                self.accepted.append(number)

    def _consume(self) -> None:
        while self._consuming:
            try:
                self.got += map(int, self._consumer.dequeue(self._name, 10))
            except BackendUnavailable:
                time.sleep(0.001)
