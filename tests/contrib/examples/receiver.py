"""A receiver of webhooks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver(ThreadingHTTPServer):
    """Answers ``/200`` with 200 and so on; ``/503-once`` with 503 the first time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        #: Path, body and time of every call.
        self.calls: list[tuple[str, Any, float]] = []

    def url(self, path: str) -> str:
        """Where to call it."""
        return f"http://127.0.0.1:{self.server_port}{path}"

    def calls_of(self, path: str) -> int:
        """How often it was called there."""
        return sum(called == path for called, _, _ in self.calls)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.calls.append((self.path, body, time.monotonic()))
        status, _, once = self.path.strip("/").partition("-")
        self.send_response(200 if once and self.server.calls_of(self.path) > 1 else int(status))
        self.send_header("Location", self.server.url("/200"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing on standard error."""


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(timeout=20)
    assert not thread.is_alive()
