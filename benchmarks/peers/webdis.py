"""Webdis: Redis behind HTTP, both in C. What people put in front of Redis for HTTP clients."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import expect
from benchmarks.loads.wrk import Load, wrk
from benchmarks.payload import PAYLOAD
from benchmarks.peers.redis import Redis, redis
from benchmarks.servers.process import HOST, find, free_port, running

WEBDIS = "Webdis + Redis"
_QUEUE = "bench"
#: Of so many requests Webdis may have answered one without Redis having carried it out: under load
#: a few of 60,000 were missing each time.
_LEEWAY = 1000


class Webdis:
    """A running Webdis and its Redis."""

    def __init__(self, port: int, behind: Redis) -> None:
        self._url = f"http://{HOST}:{port}"
        self._redis = behind
        self._rate = 100_000

    def enqueue_load(self, connections: int, seconds: float) -> Load:
        """Push as fast as possible onto a list that is empty at first."""
        self._redis.empty()
        body = f"LPUSH/{_QUEUE}/{PAYLOAD.decode()}".encode()
        load = wrk(
            self._url, ["/"], connections=connections, seconds=seconds, method="POST", body=body
        )
        length = self._redis.length()
        _expect_about(length, load, connections, "messages pushed")
        return load

    def dequeue_load(self, connections: int, seconds: float) -> Load:
        """Pop as fast as possible from a list that holds enough."""
        self._redis.top_up(int(self._rate * max(round(seconds), 1)))
        before = self._redis.length()
        load = wrk(self._url, [f"/RPOP/{_QUEUE}"], connections=connections, seconds=seconds)
        taken = before - self._redis.length()
        _expect_about(taken, load, connections, "messages popped")
        return load


def _expect_about(done: int, load: Load, connections: int, what: str) -> None:
    least = load.requests - load.requests // _LEEWAY
    expect(done, least, load.requests + connections, what)


@contextmanager
def webdis() -> Iterator[Webdis]:
    """Run Webdis, with as many threads as its own configuration has, before a Redis."""
    program = find("webdis", "webdis")
    port = free_port()
    with redis() as behind, tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder, "webdis.json")
        settings = {
            "redis_host": HOST,
            "redis_port": behind.port,
            "http_host": HOST,
            "http_port": port,
            "threads": 2,
            "daemonize": False,
            "database": 0,
            "verbosity": 0,
            "logfile": f"{folder}/log",
        }
        configuration.write_text(json.dumps(settings), encoding="utf-8")
        with running([program, str(configuration)], port):
            yield Webdis(port, behind)
