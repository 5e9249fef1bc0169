"""Programs that end in every way, for minutes: ``python -m tests.trust.outages --minutes 10``.

One server, also behind nginx with the shipped configuration, which is restarted again and again. A
lane is a queue with one program that produces and one that consumes (tests/trust/programs.py). The
fate of a lane says what happens to its programs: SIGTERM, SIGKILL, fork, a restart of nginx, or all
of it. New programs take their place.

At the end every message of every lane is accounted for, exactly:

    accepted = received by a program + queued + handed to a program that did not write it down

Messages that were put back are received later, or are still queued. What was handed to a program
and not written down is missing, although the server accepted it. The counters of the server say how
many these are. They lie in runs: each run belongs to one death of a consumer or to one restart of
nginx, and is no longer than what a consumer may have on its way. In a lane where nothing is killed
or cut off no message is missing. The outcome is printed, and kept in ``outages_result.json`` beside
this file. The exit code is 1 if it does not add up.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from tests.contract.raw import Api
from tests.contract.servers import ROOT, start
from tests.contrib.proxies import Proxy, running
from tests.helpers import LIMIT, Task, wait_until
from tests.trust.audit import agreed_stats, settle
from tests.trust.programs import CREDIT

RESULT = Path(__file__).with_name("outages_result.json")
CAPACITY = 5_000
#: Shortest and longest time between two blows of fate in a lane, in seconds.
PAUSES = (3.0, 8.0)


class Fate(NamedTuple):
    """What happens in a lane."""

    name: str
    consumer: str = "consume"
    killed: bool = False
    forked: bool = False
    proxied: bool = False


FATES = (
    Fate("stopped"),
    Fate("stopped-polls", consumer="poll"),
    Fate("forked", forked=True),
    Fate("killed", killed=True),
    Fate("killed-polls", consumer="poll", killed=True),
    Fate("behind-nginx", proxied=True),
    Fate("everything", killed=True, forked=True, proxied=True),
)


class Where(NamedTuple):
    """An address for programs, and the certificate that it may show."""

    url: str
    certificate: Path


class Program:
    """One run of a program, with its children."""

    def __init__(self, what: str, where: Where, queue: str, journal: Path, *flags: str) -> None:
        self.journal = journal
        log = journal.with_suffix(".log")
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.trust.programs",
                    what,
                    where.url,
                    queue,
                    journal,
                    *flags,
                ],
                cwd=ROOT,
                env={**os.environ, "SSL_CERT_FILE": str(where.certificate)},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._log = log

    @property
    def said(self) -> str:
        """What it wrote to its standard streams."""
        return self._log.read_text()

    def stop(self) -> None:
        """End it in order; fail if it says that something went wrong."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LIMIT)
        assert code == 0, f"{self.journal.name} ended with {code}: {self.said}"

    def kill(self) -> None:
        """End it and its children, whatever they do."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Lane:
    """A queue and its programs."""

    def __init__(self, fate: Fate, where: Where, folder: Path) -> None:
        self.fate = fate
        self.deaths = 0  # consumers that were killed
        self.stops = 0  # programs that were stopped in order
        self._where = where
        self._folder = folder / fate.name
        self._folder.mkdir()
        self._dice = random.Random(fate.name)
        self._runs = 0
        self.consumer = self._begin("c", fate.consumer)
        self.producer = self._begin("p", "produce")

    def live(self, over: threading.Event) -> None:
        """Let fate strike until it is over, and then end all in order."""
        try:
            while not over.wait(self._dice.uniform(*PAUSES)):
                self._strike()
            # Consumers first: one that breaks out of its loop does so when it has a message.
            self._stop(self.consumer)
            self._stop(self.producer)
        finally:
            self.consumer.kill()
            self.producer.kill()

    def journals(self, letter: str) -> Iterator[list[list[str]]]:
        """The journals of all consumers (``c``) or producers (``p``), each as lines of words."""
        for path in sorted(self._folder.glob(f"{letter}*")):
            if path.suffix != ".log":
                yield [line.split() for line in path.read_text().splitlines()]

    def _strike(self) -> None:
        if self._dice.random() < 0.5:
            self._end(self.producer)
            self.producer = self._begin("p", "produce")
        else:
            self._end(self.consumer)
            self.consumer = self._begin("c", self.fate.consumer)

    def _end(self, program: Program) -> None:
        if self.fate.killed and self._dice.random() < 0.7:
            program.kill()
            self.deaths += program is self.consumer
        else:
            self._stop(program)

    def _stop(self, program: Program) -> None:
        program.stop()
        self.stops += 1

    def _begin(self, letter: str, what: str) -> Program:
        self._runs += 1
        journal = self._folder / f"{letter}{self._runs:04}"
        flags = ["--manner", self._dice.choice(["close", "break"])]
        program = Program(
            what, self._where, self.fate.name, journal, *flags, *["--fork"] * self.fate.forked
        )
        # It can be stopped in order only when it has got so far.
        wait_until(lambda: journal.exists() or program.process.poll() is not None)
        assert program.process.poll() is None, f"{journal.name} ended: {program.said}"
        return program


def account(lane: Lane, api: Api, restarts: int) -> dict[str, Any]:
    """What became of every message of a lane, and what does not add up."""
    settle(api)
    stats = agreed_stats(api, lane.fate.name)
    queued = api.drain(lane.fate.name)
    written = [words[1] for journal in lane.journals("c") for words in journal if words[0] == "got"]
    sent, accepted, refused = (acted_on(lane, act) for act in ("sent", "accepted", "refused"))
    came = Counter(written + queued)
    unsure = set(sent).difference(accepted, refused)
    handed = stats["enqueued_total"] - len(written) - len(queued)
    runs = [
        sum(1 for _ in run)
        for is_missing, run in groupby(accepted, lambda message: message not in came)
        if is_missing
    ]
    # Two processes take from the queue in turns, so that the messages of one death lie apart.
    consumers = 2 if lane.fate.forked else 1
    blows = consumers * (lane.deaths + (restarts if lane.fate.proxied else 0))
    on_its_way = 1 if lane.fate.consumer == "poll" else CREDIT
    faults = {
        "came twice": [message for message, times in came.items() if times > 1],
        "came and were never sent": set(came).difference(sent),
        "came and were refused": set(came).intersection(refused),
        "were accepted, and the server counts others": not (
            0 <= stats["enqueued_total"] - len(accepted) <= len(unsure)
        ),
        "left the queue, and the server counts others": (
            stats["dequeued_total"] - stats["put_back_total"] != len(written) + handed
        ),
        "are missing, more than left the queue": sum(runs) > handed,
        "are missing, more than the blows explain": handed > blows * on_its_way,
        "are missing, in longer runs than a blow explains": (
            consumers == 1 and max(runs, default=0) > on_its_way
        ),
        "are missing, in more runs than there were blows": consumers == 1 and len(runs) > blows,
    }
    return {
        "accepted": stats["enqueued_total"],
        "received_by_programs": len(written),
        "queued": len(queued),
        "handed_to_programs_that_died": handed,
        "put_back": stats["put_back_total"],
        "stopped": lane.stops,
        "consumers_killed": lane.deaths,
        "without_an_answer": len(unsure),
        "faults": [f"messages {what}: {found}"[:300] for what, found in faults.items() if found],
    }


def acted_on(lane: Lane, act: str) -> list[str]:
    """The messages that producers ``sent``, or that were ``accepted`` or ``refused``, in order."""
    return [
        f"{words[1]}:{number}"
        for journal in lane.journals("p")
        for words in journal
        if words[0] == act
        for number in range(int(words[2]), int(words[2]) + int(words[3]))
    ]


def restart_for(proxy: Proxy, seconds: float) -> int:
    """Restart nginx again and again, with pauses in which nothing listens; return how often.

    It listens when this returns, so that programs can end in order.
    """
    dice = random.Random(1)
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        time.sleep(dice.uniform(4, 10))
        proxy.restart(dice.choice([0, 0.5, 2]))
        count += 1
    return count


def run(minutes: float, folder: Path) -> dict[str, Any]:
    """Run all lanes for so long, and return what came of it."""
    server = start("native", folder, default_queue_capacity=CAPACITY, drain_seconds=0)
    api, over = Api(server.address), threading.Event()
    try:
        with running("nginx", server, folder) as proxy:
            urls = {True: proxy.url, False: server.url}
            lanes = [
                Lane(fate, Where(urls[fate.proxied], proxy.certificate), folder) for fate in FATES
            ]
            living = [Task(partial(lane.live, over)) for lane in lanes]
            restarts = restart_for(proxy, minutes * 60)
            over.set()
            for life in living:
                life.result(3 * LIMIT)
        outcome = {lane.fate.name: account(lane, api, restarts) for lane in lanes}
    finally:
        code = server.stop()
    faults = [f"{name}: {fault}" for name, lane in outcome.items() for fault in lane.pop("faults")]
    if code or "Traceback" in server.log.read_text():
        faults.append("the server's log or exit code tells of an error")
    return report(minutes, restarts, outcome, faults)


def report(
    minutes: float, restarts: int, lanes: dict[str, dict[str, int]], faults: list[str]
) -> dict[str, Any]:
    """The outcome as it is kept."""
    return {
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "python": platform.python_version(),
        "minutes": minutes,
        "restarts_of_nginx": restarts,
        "all": {name: sum(lane[name] for lane in lanes.values()) for name in lanes["stopped"]},
        "lanes": lanes,
        "faults": faults,
    }


def main() -> int:
    """Run as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust.outages", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    parser.add_argument("--keep", type=Path, help="a folder for journals and logs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.keep is not None:
            given.keep.mkdir(parents=True)
        outcome = run(given.minutes, given.keep or Path(folder))
    text = json.dumps(outcome, indent=2) + "\n"
    RESULT.write_text(text)
    print(text, end="")
    return 1 if outcome["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
