"""greenstalk: a tube of beanstalkd."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from benchmarks.clients.way import SEND, TAKE, Way, library, sending, taking
from benchmarks.payload import PAYLOAD
from benchmarks.peers.beanstalkd import beanstalkd
from benchmarks.servers.process import HOST

_NAME = "greenstalk"


class _Tube:
    """A tube as a store."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def empty(self) -> None:
        self.take(self.held())

    def fill(self, count: int) -> None:
        for _ in range(count):
            self._client.put(PAYLOAD)

    def held(self) -> int:
        return int(self._client.stats_tube("default")["current-jobs-ready"])

    def take(self, count: int) -> None:
        """Reserve and delete: a job that was only reserved would come back."""
        for _ in range(count):
            self._client.delete(self._client.reserve(timeout=10))


@contextmanager
def ways() -> Iterator[list[Way]]:
    """Run a server and connect."""
    module = library("greenstalk")
    with beanstalkd() as port, closing(module.Client((HOST, port), encoding=None)) as client:
        tube = _Tube(client)
        yield [
            sending(SEND, f"{_NAME} put", tube, tube.fill),
            taking(TAKE, f"{_NAME} reserve + delete", tube, tube.take),
        ]
