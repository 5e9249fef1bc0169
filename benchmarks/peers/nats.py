"""NATS: core messages, and JetStream with streams in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.servers.process import HOST, find, free_port, running

NATS = "NATS"


@contextmanager
def nats() -> Iterator[int]:
    """Run a server with JetStream; yields its port."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [
            find("nats-server", "nats-server"),
            *("--addr", HOST, "--port", str(port), "--jetstream", "--store_dir", folder),
        ]
        with running(command, port):
            yield port
