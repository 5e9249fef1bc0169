"""Queues with every policy under load: ``python -m tests.trust.policies --minutes 10``.

Three servers at once: the native one, waitress and gunicorn. On each a lane is a queue with a
policy, with producers and consumers over HTTP and, where the server has them, WebSockets
(tests/trust/policy_lanes.py, policy_parties.py). Some queues are purged, changed or deleted again
and again, or are idle; some consumers hang up, reset their connections or are killed.

While it runs, a monitor reads every statistics document and the metrics over and over. In each of
them, for each queue, exactly:

    enqueued + put_back = dequeued + purged + expired + overflow_dropped + size

No message is handed out, peeked at or streamed that had expired before it was asked for. At the
end every message of a lane is accounted for:

    accepted = received + purged + expired + overflow_dropped + handed to consumers that died

The outcome is printed, and kept in ``policies_result.json`` beside this file. The exit code is 1
if it does not add up.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.contract.raw import Api
from tests.contract.servers import KINDS, ROOT, ServerProcess, start
from tests.helpers import LIMIT, Task, wait_until
from tests.trust.audit import Figures, agreed_stats, imbalance, metrics
from tests.trust.policy_lanes import LANES
from tests.trust.policy_parties import Caller, Life, parties
from tests.trust.programs import CREDIT

RESULT = Path(__file__).with_name("policies_result.json")
#: Servers that have WebSockets.
WITH_WEBSOCKETS = ("native", "gunicorn")
#: Shortest and longest life of a program that is killed, in seconds.
LIVES = (2.0, 6.0)
#: Seconds between two rounds of the monitor.
EVERY = 0.1
#: Seconds within which an expired message is gone from the statistics.
SEEN = 1.5
#: A run of so many seconds is long enough for everything to have happened.
LONG = 20.0

#: Queues that are deleted and created on demand have their policy from the file.
FILE = """
[queues."deleted.*"]
capacity = 100

[queues."idle.*"]
idle_seconds = 1
"""


class Monitor:
    """Reads what a server tells of its queues, over and over, and checks every figure."""

    def __init__(self, lives: Mapping[str, Life]) -> None:
        self._lives = lives
        self._last: dict[tuple[str, int], Mapping[str, float]] = {}
        self.looks = 0  # statistics of a queue that were checked
        self.faults: list[str] = []

    def watch(self, caller: Caller, over: threading.Event) -> None:
        """Look until it is over."""
        while not over.wait(EVERY):
            self.look_at_all(caller.request("GET", "/queues").json()["queues"])
            self.look_at_all(caller.request("GET", "/health").json()["queues"])
            for name, life in self._lives.items():
                response = caller.request("GET", f"/queues/{name}")
                if response.status == 200:
                    self.look(name, response.json())
                life.peek(caller)
            self.look_at_metrics(metrics(next(iter(self._lives.values())).api))

    def look_at_all(self, queues: Mapping[str, Mapping[str, Any]]) -> None:
        """Check a document of all queues."""
        for name, stats in queues.items():
            self.look(name, stats)

    def look(self, name: str, stats: Mapping[str, Any]) -> None:
        """Check the statistics of a queue."""
        self.looks += 1
        last = self._last.get((name, stats["created_at"]), stats)
        self._last[name, stats["created_at"]] = stats
        ttl = self._lives[name].ttl
        wrong = {
            "do not add up": imbalance(stats) != 0,
            "count backwards": any(
                stats[each] < last[each] for each in stats if each.endswith("_total")
            ),
            "hold bytes without a message": (stats["size"] == 0) != (stats["bytes"] == 0),
            "show what expired": stats["oldest_age_seconds"] > ttl + SEEN,
        }
        self.faults += [f"{name}: statistics {what}: {stats}" for what in wrong if wrong[what]]

    def look_at_metrics(self, figures: Figures) -> None:
        """Check the metrics of every queue."""
        for name in self._lives:
            stats = {
                metric.removeprefix("zoldyq_").removeprefix("queue_"): value
                for (metric, label), value in figures.items()
                if label == name
            }
            if stats:
                self.looks += 1
                if imbalance(stats):
                    self.faults.append(f"{name}: metrics do not add up: {stats}")


def be_killed(life: Life, what: str, url: str, folder: Path) -> None:
    """Run a consumer as a process and kill it, again and again."""
    dice = random.Random(what)
    number = 0
    while not life.enough.is_set():
        number += 1
        journal = folder / f"{what}{number:04}"
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.trust.programs", what, url, life.lane.name, journal],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # A program that starts when the producers have ended writes nothing.
        wait_until(
            lambda: journal.exists() or process.poll() is not None or life.enough.is_set()  # noqa: B023
        )
        life.enough.wait(dice.uniform(*LIVES))
        if process.poll() is not None:
            life.faults.append(f"the program {what} ended with {process.returncode}")
        process.kill()
        process.wait()
        lines = journal.read_text().splitlines() if journal.exists() else []
        written = (line.split() for line in lines)
        life.ledger.receiver().take(words[1] for words in written if words[0] == "got")
        life.count("kills")
        life.count("may_be_lost", CREDIT if what == "consume" else 1)


def account(life: Life) -> dict[str, Any]:
    """What became of every message of a lane that still exists, and what does not add up."""
    stats = agreed_stats(life.api, life.lane.name)
    ledger, told = life.ledger, life.told
    handed = stats["dequeued_total"] - stats["put_back_total"]
    died_with = handed - ledger.received
    dropped = stats["overflow_dropped_total"]
    gone = stats["purged_total"] + stats["expired_total"] + dropped
    faults = {
        "accepted are not those enqueued": ledger.accepted != stats["enqueued_total"],
        "purged are not those told": stats["purged_total"] != told["purged"],
        "dropped are not those told": (
            dropped < told["dropped"] if life.lane.fate == "change" else dropped != told["dropped"]
        ),
        "were handed out and lost": not 0 <= died_with <= told["may_be_lost"],
        "are missing": len(ledger.missing()) != gone + died_with,
        "overtook others": ledger.overtaken > stats["put_back_total"],
        "are left": bool(stats["size"] or stats["bytes"] or stats["waiting_consumers"]),
    }
    return {
        "accepted": ledger.accepted,
        "received": ledger.received,
        "purged": stats["purged_total"],
        "expired": stats["expired_total"],
        "overflow_dropped": dropped,
        "handed_to_consumers_that_died": died_with,
        "put_back": stats["put_back_total"],
        "told": dict(sorted(told.items())),
        "faults": [f"messages that {what}: {stats}" for what, found in faults.items() if found],
    }


def account_for_successors(life: Life, deleted: float) -> dict[str, Any]:
    """The account of a lane whose queue was deleted again and again, and its counters with it.

    ``deleted`` messages were dropped with their queues, or came back when it was gone.
    """
    ledger, told = life.ledger, life.told
    faults = {
        "were accepted are not those received or deleted": (
            ledger.accepted != ledger.received + deleted
        ),
        "are missing": len(ledger.missing()) != deleted,
        "were dropped are fewer than told": deleted < told["dropped_with_the_queue"],
    }
    return {
        "accepted": ledger.accepted,
        "received": ledger.received,
        "dropped_with_the_queue": int(deleted),
        "told": dict(sorted(told.items())),
        "faults": [f"messages that {what}" for what, found in faults.items() if found],
    }


def outcome_of(life: Life, deleted: float) -> dict[str, Any]:
    """The account of a lane after all have left."""
    life.drain()
    if life.lane.fate == "delete":
        outcome = account_for_successors(life, deleted)
    elif life.lane.fate == "idle":
        outcome = account_for_successors(life, 0)
    else:
        outcome = account(life)
    outcome["faults"] += life.faults
    outcome["faults"] += [f"a message was {each}" for each in life.late]
    outcome["faults"] += [f"{each} came and was not sent" for each in life.ledger.unexpected[:10]]
    return outcome


def run_on(kind: str, seconds: float, folder: Path) -> dict[str, Any]:
    """Run all lanes on a server of this kind for so long; return what came of it."""
    folder.mkdir()
    file = folder / "zoldyq.toml"
    file.write_text(FILE)
    server = start(kind, folder, config=file, threads=160, max_waiting=120, drain_seconds=0)
    try:
        outcome = run_lanes(kind, server, seconds, folder)
    finally:
        code = server.stop()
    if code or "Traceback" in server.log.read_text():
        outcome["faults"].append("the server's log or exit code tells of an error")
    return outcome


class Crew:
    """The parties of a lane, at work from now on."""

    def __init__(self, life: Life, websockets: bool, url: str, folder: Path) -> None:
        life.begin()
        self._life = life
        producers, consumers, fates = parties(life, websockets=websockets)
        if life.lane.fate == "killed":
            programs = ("poll", "consume")[: 1 + websockets]
            fates = [partial(be_killed, life, what, url, folder) for what in programs]
        self._producers = [Task(party) for party in (*producers, *fates)]
        self._consumers = [Task(party) for party in consumers]

    @property
    def broken(self) -> bool:
        """Whether a party has ended before it was told to."""
        return any(task.ended for task in (*self._producers, *self._consumers))

    def end_producers(self) -> None:
        """End producers and fates."""
        self._life.enough.set()
        for producer in self._producers:
            producer.result(2 * LIMIT)

    def end_consumers(self) -> None:
        """End consumers, when they find nothing any more."""
        self._life.over.set()
        for consumer in self._consumers:
            consumer.result(2 * LIMIT)


def run_lanes(kind: str, server: ServerProcess, seconds: float, folder: Path) -> dict[str, Any]:
    """Run all lanes on this server."""
    lives = {lane.name: Life(lane, server) for lane in LANES}
    monitor, over = Monitor(lives), threading.Event()
    websockets = kind in WITH_WEBSOCKETS
    crews = [Crew(life, websockets, server.url, folder) for life in lives.values()]
    api = Api(server.address)
    with Caller(api) as caller:
        watching = Task(partial(monitor.watch, caller, over))
        until = time.monotonic() + seconds
        while time.monotonic() < until and not watching.ended:
            time.sleep(0.5)
            if any(crew.broken for crew in crews):
                break
        for life in lives.values():
            life.enough.set()  # all at once, so that none waits for the one before
        for crew in crews:
            crew.end_producers()
        for crew in crews:
            crew.end_consumers()
        over.set()
        watching.result()
    come_to_rest(api)
    deleted = int(metrics(api)["zoldyq_dropped_total", "deleted"])
    lanes = {name: outcome_of(life, deleted) for name, life in lives.items()}
    faults = [f"{name}: {fault}" for name, lane in lanes.items() for fault in lane.pop("faults")]
    if seconds >= LONG:
        faults += unseen(lives, lanes)
    return {"looks": monitor.looks, "lanes": lanes, "faults": [*faults, *monitor.faults]}


def come_to_rest(api: Api) -> None:
    """Wait until the server knows that all have left, and nothing moves any more."""
    looks: list[tuple[int, ...]] = []

    def at_rest() -> bool:
        queues = api.get("/queues").json()["queues"].values()
        looks.append(
            tuple(stats[each] for stats in queues for each in ("dequeued_total", "put_back_total"))
        )
        waiting = any(stats["waiting_consumers"] for stats in queues)
        return not waiting and len(looks) > 20 and set(looks[-20:]) == {looks[-1]}

    wait_until(lambda: metrics(api)["zoldyq_websocket_sessions", ""] == 0)
    wait_until(at_rest)


def unseen(lives: Mapping[str, Life], lanes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What should have happened in a run of this length, and has not."""
    missing = [
        f"{name}: no message was {what}"
        for name, life in lives.items()
        for what in life.lane.shows
        if not lanes[name][what]
    ]
    happened = Counter[str]()
    for life in lives.values():
        happened += life.told
    wanted = ("purges", "changes", "deletions", "idle_deletions", "kills", "peeked_at")
    return missing + [f"there were no {what}" for what in wanted if not happened[what]]


def run(seconds: float, folder: Path, kinds: Sequence[str] = KINDS) -> dict[str, Any]:
    """Run all lanes on servers of these kinds at once; return what came of it."""
    with ProcessPoolExecutor(len(kinds), get_context("spawn")) as pool:
        running = {kind: pool.submit(run_on, kind, seconds, folder / kind) for kind in kinds}
        servers = {kind: each.result() for kind, each in running.items()}
    faults = [f"{kind}, {fault}" for kind, each in servers.items() for fault in each.pop("faults")]
    return report(seconds, servers, faults)


def report(seconds: float, servers: dict[str, Any], faults: list[str]) -> dict[str, Any]:
    """The outcome as it is kept."""
    lanes = [lane for server in servers.values() for lane in server["lanes"].values()]
    figures = ("accepted", "received", "purged", "expired", "overflow_dropped", "put_back")
    return {
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "minutes": round(seconds / 60, 2),
        "statistics_checked": sum(server["looks"] for server in servers.values()),
        "all": {name: sum(lane.get(name, 0) for lane in lanes) for name in figures},
        "servers": servers,
        "faults": faults[:100],
    }


def main() -> int:
    """Run as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust.policies", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default: 10)")
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(minutes * 60, Path(folder))
    text = json.dumps(outcome, indent=2) + "\n"
    RESULT.write_text(text)
    print(text, end="")
    return 1 if outcome["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
