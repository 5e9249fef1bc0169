#!/usr/bin/env python3
"""Buffer measurements in a queue, and store them in batches.

    python contrib/examples/metrics_buffer.py --seconds 5 --database metrics.db
    sqlite3 metrics.db 'select name, count(*), avg(value) from metrics group by name'

One thread measures this machine a hundred times a second. It hands each value to a producer, which
sends them in batches and never makes it wait for the network. Another takes them out, up to five
hundred at a time, and writes each batch in one transaction of an SQLite database. Ctrl-C or SIGTERM
ends it early. Whatever was measured by then is stored.

The server is the one of ZOLDYQ_URL, with the token of ZOLDYQ_TOKEN.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

from zoldyq import Client
from zoldyq.client import RemoteQueue

INTERVAL = 0.01
BATCH = 500
#: How long one request waits for measurements, and so how long the end may take.
POLL_SECONDS = 1

_TABLE = "create table if not exists metrics (name text, at real, value real)"
_INSERT = "insert into metrics values (:name, :at, :value)"


def measurements() -> Iterator[dict[str, Any]]:
    """What can be told of this machine and this process right now."""
    at = time.time()
    times = os.times()
    values = {"load": os.getloadavg()[0], "user_seconds": times.user, "elapsed": times.elapsed}
    for name, value in values.items():
        yield {"name": name, "at": at, "value": value}


def collect(queue: RemoteQueue, seconds: float, stopping: threading.Event) -> int:
    """Measure for so long, and return how many values were sent."""
    sent = 0
    end = time.monotonic() + seconds
    # The producer sends what it still has when the block ends.
    with queue.producer(max_messages=BATCH, max_delay=0.2) as producer:
        while time.monotonic() < end and not stopping.wait(INTERVAL):
            for measurement in measurements():
                producer.send(measurement)
                sent += 1
    return sent


def store(queue: RemoteQueue, path: str, sent: Future[int]) -> int:
    """Write what comes to the database until all is sent and stored; return how many values."""
    stored = 0
    with closing(sqlite3.connect(path)) as database:
        database.execute(_TABLE)
        while True:
            nothing_follows = sent.done()
            messages = queue.dequeue_many(BATCH, timeout=POLL_SECONDS)
            with database:
                database.executemany(_INSERT, [message.payload for message in messages])
            stored += len(messages)
            if nothing_follows and not messages:
                return stored


def main() -> int:
    """Measure and store at the same time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queue", default="metrics", help="where the measurements wait")
    parser.add_argument("--seconds", type=float, default=5, help="how long to measure")
    parser.add_argument("--database", default="metrics.db", help="the file to write them to")
    options = parser.parse_args()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    url = os.environ.get("ZOLDYQ_URL", "http://localhost:9000")
    with (
        Client(url, token=os.environ.get("ZOLDYQ_TOKEN")) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        queue = client.queue(options.queue)
        sent = pool.submit(collect, queue, options.seconds, stopping)
        stored = pool.submit(store, queue, options.database, sent)
        print(f"{sent.result()} measurements sent, {stored.result()} stored")
    return 0


if __name__ == "__main__":
    sys.exit(main())
