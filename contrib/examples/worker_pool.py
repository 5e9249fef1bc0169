#!/usr/bin/env python3
"""Handle the jobs of a queue in several processes, and stop without losing one.

    python contrib/examples/worker_pool.py --workers 4 --results results
    curl http://localhost:9000/queues/jobs/enqueue -d '{"payloads": [1, 2, 3]}'

Each process takes jobs, squares the number of each and puts the result into another queue. Write
your own handle(). A job that it cannot handle goes into the queue jobs.failed.

On Ctrl-C or SIGTERM each worker finishes the job that it has in hand, puts back what it had fetched
ahead, sends its last results, and ends. A worker that dies is replaced. While the server restarts,
the workers wait for it and keep their results.

What can be lost: the jobs of a worker that is killed with SIGKILL, at most --credit and the one in
its hand, and what is in a server that is stopped.

The server is the one of ZOLDYQ_URL, with the token of ZOLDYQ_TOKEN.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import signal
import sys
import time
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from zoldyq import Client
from zoldyq.client import RemoteQueue

log = logging.getLogger("worker_pool")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: How long the results of a worker that ends may wait for the server.
LAST_SECONDS = 20


def handle(job: Any) -> Any:
    """Do what is to be done for a job, and return its result."""
    return {"job": job, "result": job * job}


def work(jobs: RemoteQueue, results: RemoteQueue, failed: RemoteQueue, credit: int) -> None:
    """Take jobs until told to stop. This is the life of one process."""
    # The producer's block is the outer one, so it ends last: the result of every job is sent.
    with results.producer(timeout=LAST_SECONDS) as producer, jobs.consume(credit=credit) as stream:
        for number in SIGNALS:
            # Safe wherever the signal arrives. In the middle of a job, the loop ends after it.
            signal.signal(number, lambda *_: stream.stop())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        for message in stream:
            try:
                producer.send(handle(message.payload))
            except Exception:
                log.exception("a job failed: %r", message.raw)
                failed.enqueue_raw(message.raw, timeout=LAST_SECONDS)
    for message in stream.leftover:  # the connection broke at the very end
        jobs.enqueue_raw(message.raw, timeout=LAST_SECONDS)


class Pool:
    """Keeps a number of worker processes alive, and stops them in order."""

    def __init__(self, size: int, *arguments: Any) -> None:
        self._size = size
        self._arguments = arguments
        self._workers: list[BaseProcess] = []
        self._stopping = False

    def run(self) -> bool:
        """Run until a signal comes; tell whether all workers ended well then."""
        for number in SIGNALS:
            signal.signal(number, self._stop)
        while not self._stopping:
            self._workers = [worker for worker in self._workers if worker.is_alive()]
            while len(self._workers) < self._size and not self._stopping:
                self._start_one()
            time.sleep(0.2)  # a signal ends it early where it matters: in the workers
        for worker in self._workers:
            if worker.is_alive():
                worker.terminate()
        for worker in self._workers:
            worker.join()
        return all(worker.exitcode == 0 for worker in self._workers)

    def _start_one(self) -> None:
        # A fork, which takes the client along.
        worker = multiprocessing.get_context("fork").Process(target=work, args=self._arguments)
        # Signals are held back until the worker has handlers of its own: it begins with the pool's.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            worker.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        self._workers.append(worker)
        log.info("worker %s is there", worker.pid)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True


def main() -> int:
    """Run the pool until told to stop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, default=2, help="how many processes")
    parser.add_argument("--jobs", default="jobs", help="the queue to take from")
    parser.add_argument("--results", default="results", help="the queue to put into")
    parser.add_argument("--credit", type=int, default=16, help="jobs that a worker fetches ahead")
    options = parser.parse_args()
    logging.basicConfig(level="INFO", format="%(process)d %(message)s")
    # One client for all: after the fork each worker makes connections of its own.
    client = Client.from_env()
    names = (options.jobs, options.results, f"{options.jobs}.failed")
    pool = Pool(options.workers, *map(client.queue, names), options.credit)
    return 0 if pool.run() else 1


if __name__ == "__main__":
    sys.exit(main())
