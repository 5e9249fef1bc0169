"""ZoldyQ as a server: its own, or its application under waitress or gunicorn."""

from __future__ import annotations

import os
import re
import ssl
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.figures import ZOLDYQ, Missing, WorkNotDone, expect
from benchmarks.payload import PAYLOAD, lines
from benchmarks.servers.certificate import context_of
from benchmarks.servers.process import HOST, ROOT, free_port, resident_bytes, running

WAITRESS = "same app, waitress"
GUNICORN = "same app, gunicorn gthread"

#: Room for whatever is measured: no limit is to be met here, none costs anything.
_LIMITS = {
    "ZOLDYQ_DEFAULT_QUEUE_CAPACITY": "1000000000",
    "ZOLDYQ_MAX_QUEUES": "1000",
    "ZOLDYQ_MAX_BYTES": "64GiB",
    "ZOLDYQ_DRAIN_SECONDS": "0",
    "ZOLDYQ_IDLE_SECONDS": "3600",  # the others have their turns meanwhile
    "ZOLDYQ_LOG_LEVEL": "error",
}
_FILL_BATCH = 10_000


class Server:
    """A running server, seen from outside. Not for several threads at once.

    ``context`` is what connections to it are made with where it speaks TLS.
    """

    def __init__(
        self, name: str, port: int, pid: int, context: ssl.SSLContext | None = None
    ) -> None:
        self.name = name
        self.port = port
        self.pid = pid
        self.context = context
        self._http: HTTPConnection
        if context is None:
            self._http = HTTPConnection(HOST, port, timeout=120)
        else:
            self._http = HTTPSConnection(HOST, port, timeout=120, context=context)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'http' if self.context is None else 'https'}://{HOST}:{self.port}"

    @property
    def memory(self) -> int:
        """The memory that it holds, in bytes."""
        return resident_bytes(self.pid)

    def close(self) -> None:
        """Close the connection of this object; the server goes on."""
        self._http.close()

    def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str = ""
    ) -> tuple[int, bytes]:
        """Send a request on the connection of this object; return status and body."""
        headers = {"Content-Type": content_type} if content_type else {}
        self._http.request(method, path, body, headers)
        response = self._http.getresponse()
        return response.status, response.read()

    def health(self) -> dict[str, Any]:
        """Return what ``/health`` says."""
        status, body = self.request("GET", "/health")
        expect(status, 200, 200, "status of /health")
        health: dict[str, Any] = msgspec.json.decode(body)
        return health

    def stats(self, queue: str) -> dict[str, int]:
        """Return what ``/health`` says of a queue: zero of everything for an unknown one."""
        nothing = {"size": 0, "enqueued_total": 0, "dequeued_total": 0, "waiting_consumers": 0}
        stats: dict[str, int] = self.health()["queues"].get(queue, nothing)
        return stats

    def total(self, counter: str) -> int:
        """Return the sum of a counter over all queues."""
        return sum(stats[counter] for stats in self.health()["queues"].values())

    def fill(self, queue: str, count: int, payload: bytes = PAYLOAD, batch: int = 0) -> None:
        """Enqueue so many messages, by default in large batches."""
        size = batch or _FILL_BATCH
        path = f"/queues/{queue}/enqueue"
        for start in range(0, count, size):
            body = lines(min(size, count - start), payload)
            status, answer = self.request("POST", path, body, "application/x-ndjson")
            if status != 200:
                raise WorkNotDone(f"filling a queue was answered {status} {answer[:200]!r}")

    def top_up(self, queue: str, size: int) -> None:
        """Enqueue what is missing to so many messages."""
        self.fill(queue, max(size - self.stats(queue)["size"], 0))

    def empty(self, queue: str) -> None:
        """Drop the messages of a queue, if there are any."""
        status, answer = self.request("POST", f"/queues/{queue}/purge")
        if status not in (200, 404):
            raise WorkNotDone(f"purging a queue was answered {status} {answer[:200]!r}")


@contextmanager
def zoldyq(*flags: str, name: str = ZOLDYQ, certificate: Path | None = None) -> Iterator[Server]:
    """Run the server of this source tree on a free port of loopback.

    With a ``certificate``, which has its key in the same file, it speaks TLS.
    """
    command = [sys.executable, "-m", "zoldyq", "--host", HOST, "--port", "0", *flags]
    context = None
    if certificate is not None:
        command += ["--tls-cert", str(certificate)]
        context = context_of(certificate)
    with running(command, environ=_LIMITS) as process:
        assert process.stdout is not None
        port = port_of(process.stdout.readline())
        with closing(Server(name, port, process.pid, context)) as server:
            yield server


def port_of(start_line: str) -> int:
    """Return the port that the server's first line tells."""
    found = re.search(r"https?://[^ :]+:(\d+)", start_line)
    if found is None:
        raise RuntimeError(f"the server did not say where it listens: {start_line!r}")
    return int(found[1])


@contextmanager
def waitress() -> Iterator[Server]:
    """Run the same application under waitress."""
    with zoldyq("--server", "waitress", name=WAITRESS) as server:
        yield server


@contextmanager
def gunicorn() -> Iterator[Server]:
    """Run the same application under gunicorn, in the safe setup of contrib/."""
    if find_spec("gunicorn") is None:
        raise Missing("gunicorn is not installed (in the extra test)")
    port = free_port()
    environ = {**_LIMITS, "ZOLDYQ_HOST": HOST, "ZOLDYQ_PORT": str(port)}
    configuration = os.fspath(ROOT / "contrib" / "gunicorn.conf.py")
    command = [sys.executable, "-m", "gunicorn", "--log-level", "error", "-c", configuration]
    with (
        running(command, port, environ) as process,
        closing(Server(GUNICORN, port, process.pid)) as server,
    ):
        yield server
