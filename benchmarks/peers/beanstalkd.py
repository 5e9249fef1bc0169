"""beanstalkd: a work queue over a protocol of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.servers.process import HOST, find, free_port, running

BEANSTALKD = "beanstalkd"


@contextmanager
def beanstalkd() -> Iterator[int]:
    """Run a server that keeps nothing on disk; yields its port."""
    port = free_port()
    with running([find("beanstalkd", "beanstalkd"), "-l", HOST, "-p", str(port)], port):
        yield port
