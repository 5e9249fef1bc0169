"""A long run at full speed: ``python -m tests.trust.soak --minutes 10``.

One server, and all kinds of clients at once: producers and consumers over HTTP and WebSocket, with
single messages and with batches, consumers that hang up, and monitors. Every message has an
identity. At the end only messages that were on their way to a consumer that hung up may be missing.
Memory, latency, threads and descriptors have to be as they were when the run had warmed up. The
outcome is printed, and kept in ``soak_result.json`` beside this file. The exit code is 1 if the run
failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from websockets.sync.client import connect

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess, start
from tests.helpers import Task
from tests.trust.audit import audit
from tests.trust.leaving import visit_again_and_again, visit_http, visit_stream
from tests.trust.ledger import Ledger
from tests.trust.parties import Address, consume, produce, produce_websocket
from tests.trust.process import MIB, Usage, usage

RESULT = Path(__file__).with_name("soak_result.json")
#: Small enough that producers are often refused, and memory has nothing to do with speed.
CAPACITY = 10_000
#: More messages than any run has time for.
ENDLESS = 1 << 60
#: Seconds between two looks at the server.
EVERY = 5.0
#: Threads of the server beside the event loop, the main thread and those of WebSockets.
POOL_THREADS = 4
#: Messages that a look's latency is made of.
PROBES = 200


class Look(NamedTuple):
    """The server at one moment. Times are seconds, memory is bytes."""

    elapsed: float
    messages_per_second: float
    median: float
    p99: float
    usage: Usage

    def line(self) -> str:
        """A line for the person who watches."""
        return (
            f"{self.elapsed:6.0f} s {self.messages_per_second:8.0f} messages/s, "
            f"pair {self.median * 1e3:.2f} ms, p99 {self.p99 * 1e3:.2f} ms, "
            f"{self.usage.memory / MIB:.1f} MiB, {self.usage.threads} threads, "
            f"{self.usage.descriptors} descriptors"
        )


class Load:
    """All parties, at work from the start until :meth:`end`."""

    def __init__(self, address: Address, url: str, ledger: Ledger) -> None:
        self.enough = threading.Event()  # producers end
        self.over = threading.Event()  # consumers end
        http = (address, "q", ledger)
        producers: list[Callable[[], None]] = [
            partial(produce, *http, 0, ENDLESS, over=self.enough),
            partial(produce, *http, 1, ENDLESS, batch=100, over=self.enough),
            partial(produce, *http, 2, ENDLESS, size=2_000, over=self.enough),
            partial(produce_websocket, url, "q", ledger, 3, ENDLESS, window=50, over=self.enough),
        ]
        consumers: list[Callable[[], None]] = [
            partial(consume, *http, self.over),
            partial(consume, *http, self.over, count=100),
            partial(consume_websocket, url, ledger, self.over),
        ]
        self._producers = [Task(party) for party in producers]
        self._visitors = [
            Task(partial(visit_again_and_again, visit, address, seed, ledger, self.enough))
            for seed, visit in enumerate((visit_http, visit_stream))
        ]
        self._consumers = [Task(party) for party in consumers]

    def end(self) -> int:
        """End all parties, producers first; return how many messages the hang-ups may have cost."""
        self.enough.set()
        cost = sum(visitor.result() for visitor in self._visitors)
        for producer in self._producers:
            producer.result()
        self.over.set()
        for consumer in self._consumers:
            consumer.result()
        return cost


def consume_websocket(url: str, ledger: Ledger, over: threading.Event) -> None:
    """Take what is pushed until it is over and nothing has come for a while."""
    receiver = ledger.receiver()
    target = f"{url.replace('http', 'ws')}/queues/q/dequeue"
    with connect(target, compression=None) as peer:
        while True:
            try:
                receiver.take([json.loads(peer.recv(timeout=5.0))["payload"]])
            except TimeoutError:
                if over.is_set():
                    return


def probe(api: Api) -> list[float]:
    """Time pairs of an enqueue and a dequeue, in seconds, and ask for what monitors look at."""
    durations = []
    with api.wire() as wire:
        for _ in range(PROBES):
            began = time.perf_counter()
            assert wire.request("POST", "/queues/probe/enqueue", b'{"payload":1}').status == 200
            assert wire.request("GET", "/queues/probe/dequeue").status == 200
            durations.append(time.perf_counter() - began)
    for target in ("/health", "/metrics", "/queues"):
        assert api.get(target).status == 200
    return sorted(durations)


def watch(server: ServerProcess, ledger: Ledger, seconds: float) -> list[Look]:
    """Look at a server under load for so many seconds, and return what was seen."""
    api = Api(server.address)
    began = last = time.monotonic()
    received = ledger.received
    looks: list[Look] = []
    while time.monotonic() < began + seconds:
        time.sleep(EVERY)
        now, count = time.monotonic(), ledger.received
        rate = (count - received) / (now - last)
        received, last = count, now
        pairs = probe(api)
        figures = statistics.median(pairs), pairs[PROBES * 99 // 100]
        looks.append(Look(now - began, rate, *figures, usage(server.process.pid)))
        print(looks[-1].line(), flush=True)
    return looks


def faults(looks: list[Look], before: Usage, after: Usage) -> list[str]:
    """What was not as it should be: the last third of the run is compared with the middle one."""
    third = len(looks) // 3
    middle, last = looks[third:-third], looks[-third:]
    found = []

    def compare(what: str, read: Callable[[Look], float], factor: float, slack: float) -> None:
        earlier, later = (statistics.median(map(read, part)) for part in (middle, last))
        if later > earlier * factor + slack:
            found.append(f"{what} grew from {earlier:g} to {later:g}")

    compare("memory", lambda look: look.usage.memory, 1.02, 2 * MIB)
    compare("the median latency", lambda look: look.median, 1.5, 0.002)
    compare("the 99th percentile of latency", lambda look: look.p99, 2.0, 0.02)
    compare("the number of threads", lambda look: look.usage.threads, 1.0, 3)
    if after.descriptors > before.descriptors + 1:
        found.append(f"{after.descriptors - before.descriptors} descriptors were left open")
    if after.threads > before.threads + POOL_THREADS:
        found.append(f"{after.threads - before.threads} threads were left behind")
    return found


def soak(minutes: float, folder: Path) -> dict[str, Any]:
    """Run the whole thing and return what came of it."""
    server = start(
        "native", folder, default_queue_capacity=CAPACITY, threads=POOL_THREADS, drain_seconds=0
    )
    api, ledger = Api(server.address), Ledger()
    try:
        probe(api)
        before = usage(server.process.pid)
        load = Load(server.address, server.url, ledger)
        looks = watch(server, ledger, minutes * 60)
        cost = load.end()
        lost = audit(api, "q", ledger, at_most_lost=cost, overtaking=True)
        after = usage(server.process.pid)
    finally:
        code = server.stop()
    found = faults(looks, before, after)
    if code or "Traceback" in server.log.read_text():
        found.append("the server's log or exit code tells of an error")
    return report(minutes, looks, ledger, f"{lost} of at most {cost}", found)


def report(
    minutes: float, looks: list[Look], ledger: Ledger, lost: str, found: list[str]
) -> dict[str, Any]:
    """The outcome as it is kept: medians of each third of the run, and the verdict."""
    third = len(looks) // 3
    thirds = [looks[:third], looks[third:-third], looks[-third:]]

    def medians(read: Callable[[Look], float], digits: int) -> list[float]:
        return [round(statistics.median(map(read, part)), digits) for part in thirds]

    return {
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "minutes": minutes,
        "messages_received": ledger.received,
        "lost_on_the_way_to_consumers_that_hung_up": lost,
        "messages_per_second": medians(lambda look: look.messages_per_second, 0),
        "pair_median_ms": medians(lambda look: look.median * 1e3, 2),
        "pair_p99_ms": medians(lambda look: look.p99 * 1e3, 2),
        "memory_mib": medians(lambda look: look.usage.memory / MIB, 1),
        "threads": medians(lambda look: look.usage.threads, 0),
        "descriptors": medians(lambda look: look.usage.descriptors, 0),
        "faults": found,
    }


def main() -> int:
    """Run as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    minutes = parser.parse_args().minutes
    if minutes * 60 < 6 * EVERY:
        parser.error(f"it takes {6 * EVERY / 60:g} minutes to see anything")
    with tempfile.TemporaryDirectory() as folder:
        outcome = soak(minutes, Path(folder))
    text = json.dumps(outcome, indent=2) + "\n"
    RESULT.write_text(text)
    print(text, end="")
    return 1 if outcome["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
