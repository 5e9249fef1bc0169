"""Programs that use the client as its users do, each in a process of its own.

``python -m tests.trust.programs consume URL QUEUE JOURNAL`` takes messages until SIGTERM,
``produce`` sends them. Both write into a journal what they do, a line for each act. When such a
process is killed its journal tells what it had received, but for one message at the most.

Payloads are ``"<instance>:<number>"``. An instance is one run of a producer; its numbers begin at
0.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from types import FrameType

from zoldyq import Client
from zoldyq.client import ConnectionLost, Consumer, RemoteQueue, ServerUnreachable
from zoldyq.contract.errors import Overloaded

#: Messages that a stream may have on their way, and of one request: all that a death can cost.
CREDIT = 50
BATCH = 20
#: After so many batches a producer rests for so many seconds: bursts make a backlog, and ten
#: minutes of them can still be accounted for one by one.
BURST, REST = 20, 0.4

#: Set by SIGTERM.
STOPPING = Event()


class Journal:
    """Lines that are in the file when the method returns, whatever becomes of the process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, *words: object) -> None:
        """Append a line."""
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())


def produce(queue: RemoteQueue, journal: Journal, instance: str) -> None:
    """Send one batch after the other until told to stop."""
    for first in count_by(BATCH):
        if STOPPING.is_set():
            return
        numbers = range(first, first + BATCH)
        journal.write("sent", instance, first, BATCH)
        journal.write(send(queue, [f"{instance}:{n}" for n in numbers]), instance, first, BATCH)
        if first % (BURST * BATCH) == 0:
            STOPPING.wait(REST)


def count_by(step: int) -> Iterator[int]:
    """0, ``step``, twice ``step`` and so on."""
    number = 0
    while True:
        yield number
        number += step


def send(queue: RemoteQueue, payloads: list[str]) -> str:
    """Send a batch, again if it was surely not queued; return what became of it."""
    while True:
        try:
            queue.enqueue_many(payloads, timeout=5)
        except ConnectionLost:
            return "unknown"
        except (ServerUnreachable, Overloaded):
            if STOPPING.is_set():
                return "refused"
            STOPPING.wait(0.1)
        else:
            return "accepted"


def consume(queue: RemoteQueue, journal: Journal, manner: str) -> None:
    """Take messages over a stream until told to stop; ``manner`` is ``close`` or ``break``."""
    consumer = queue.consume(credit=CREDIT, reconnect_seconds=None)
    if manner == "close":
        Thread(target=close_when_stopping, args=(consumer,), daemon=True).start()
    with consumer:
        for message in consumer:
            journal.write("got", message.payload)
            if manner == "break" and STOPPING.is_set():
                break


def poll(queue: RemoteQueue, journal: Journal) -> None:
    """Take messages with long polls until told to stop."""
    while not STOPPING.is_set():
        try:
            message = queue.dequeue(timeout=1)
        except ServerUnreachable:
            STOPPING.wait(0.1)
        else:
            if message is not None:
                journal.write("got", message.payload)


def close_when_stopping(consumer: Consumer) -> None:
    """Close a consumer from another thread: a signal handler must not wait for locks."""
    STOPPING.wait()
    consumer.close()


def on_sigterm(number: int, frame: FrameType | None) -> None:
    """Tell all loops to end."""
    STOPPING.set()


def in_two_processes(journal: Path) -> tuple[Path, int]:
    """Fork; return the journal of this process, and the child that the parent has to end (or 0)."""
    child = os.fork()
    return (journal, child) if child else (journal.with_suffix(".child"), 0)


def main() -> int:
    """Run as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust.programs", description=__doc__)
    parser.add_argument("what", choices=["produce", "consume", "poll"])
    parser.add_argument("url")
    parser.add_argument("queue")
    parser.add_argument("journal", type=Path)
    parser.add_argument("--manner", choices=["close", "break"], default="close")
    parser.add_argument("--fork", action="store_true", help="work in two processes")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, on_sigterm)
    with closing(Client(given.url)) as client:
        queue = client.queue(given.queue)
        connect(client)  # from here on there is a connection that a child would inherit
        path, child = in_two_processes(given.journal) if given.fork else (given.journal, 0)
        work(given.what, queue, path, given.manner)
    if not child:
        return 0
    os.kill(child, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def connect(client: Client) -> None:
    """Ask for something, again while nginx is not there; without an end, but for SIGTERM."""
    while not STOPPING.is_set():
        try:
            client.health()
        except ServerUnreachable:
            STOPPING.wait(0.1)
        else:
            return


def work(what: str, queue: RemoteQueue, path: Path, manner: str) -> None:
    """Do what the command line says until told to stop."""
    journal = Journal(path)
    journal.write("began")
    if what == "produce":
        produce(queue, journal, path.name)
    elif what == "poll":
        poll(queue, journal)
    else:
        consume(queue, journal, manner)
    journal.write("ended")


if __name__ == "__main__":
    sys.exit(main())
