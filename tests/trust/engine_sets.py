"""Front ends over sentinels and over a Cluster, under load: ``python -m tests.trust.engine_sets``.

Two front ends share a primary that sentinels watch, or a Cluster of three primaries with a replica
each. Primaries are killed, frozen and replaced, and slots move there and back, while producers and
consumers write down what they are answered.

While slots move, and while a replica of a Cluster takes over in order, nothing may be lost and
nothing may come twice. When a primary is killed, frozen or replaced by sentinels, what its replica
had not been sent yet is lost or comes again: these rows tell how much that was, which is more on a
busy machine. With ``redis_wait_replicas`` nothing that was accepted is lost.

The outcome is printed, and kept in ``engine_sets_result.json`` beside this file. The exit code is
1 if a row does not hold.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess, start
from tests.engine.servers import PROGRAM
from tests.engine.sets import ClusterSet, SentinelSet
from tests.helpers import wait_until
from tests.trust.engine_load import Address, Load
from zoldyq.engine.cluster import slot_of

RESULT = Path(__file__).with_name("engine_sets_result.json")
QUEUE = "q"
#: Messages in a queue whose slot moves, and how many slots move with it.
BACKLOG = 99_000
MOVED_SLOTS = 3_600
#: When no message has come for so long, in seconds, none will.
BACK = 6.0


class Scene:
    """Servers that keep queues, and two front ends over them."""

    def __init__(self, folder: Path, servers: SentinelSet | ClusterSet, settings: object) -> None:
        self.servers = servers
        self._folder = folder
        given = {"redis_lease": 1, "redis_timeout": 1, "redis_grace": 20, **dict(settings)}  # type: ignore[call-overload]
        self.front_ends = [self._begin(f"f{number}", given) for number in range(2)]

    def addresses(self) -> list[Address]:
        """Return where the front ends listen."""
        return [each.address for each in self.front_ends]

    @property
    def cluster(self) -> ClusterSet:
        """The servers, which are a Cluster."""
        assert isinstance(self.servers, ClusterSet)
        return self.servers

    @property
    def sentinels(self) -> SentinelSet:
        """The servers, which are a primary with sentinels."""
        assert isinstance(self.servers, SentinelSet)
        return self.servers

    def close(self) -> None:
        """End everything."""
        for server in self.front_ends:
            server.kill()
        self.servers.stop()

    def complaints(self) -> list[str]:
        """What the logs of the front ends tell that must not be there."""
        logs = [server.log.read_text() for server in self.front_ends]
        return [line for log in logs for line in log.splitlines() if "Traceback" in line][:3]

    def _begin(self, name: str, given: dict[str, object]) -> ServerProcess:
        folder = self._folder / name
        folder.mkdir(parents=True)
        return start("native", folder, backend=self.servers.url, **given)


# -- what may happen ------------------------------------------------------------------------------


def kill_primary_of_slot(scene: Scene) -> None:
    """The server that keeps the queue is killed, and begins again as a replica."""
    owner = scene.cluster.owner_of(QUEUE)
    owner.stop()
    wait_until(lambda: scene.cluster.owner_of(QUEUE) is not owner)
    scene.cluster.settle()


def freeze_primary_of_slot(scene: Scene) -> None:
    """The server that keeps the queue stands still until another one has taken over."""
    owner = scene.cluster.owner_of(QUEUE)
    other = next(each for each in scene.cluster.servers if each is not owner)
    owner.freeze()
    wait_until(lambda: scene.cluster.owner_by(other, QUEUE) is not owner)
    time.sleep(1)
    owner.thaw()
    scene.cluster.settle()


def move_slots(scene: Scene) -> None:
    """Slots move to another server, that of the queue and that of the backlog among them."""
    cluster = scene.cluster
    cluster.move_slot("backlog")
    cluster.move_slot(QUEUE)
    source = cluster.owner_of(QUEUE)
    target = next(each for each in cluster.primaries if each is not source)
    kept = {slot_of(f"{{{QUEUE}}}"), slot_of("{backlog}")}
    slots = [slot for slot in cluster.slots_of(source) if slot not in kept][:MOVED_SLOTS]
    cluster.move_slots(source, target, slots)


def kill_primary(scene: Scene) -> None:
    """The primary is killed, and begins again as a replica."""
    primary = scene.sentinels.primary
    primary.stop()
    wait_until(lambda: scene.sentinels.primary is not primary)
    scene.sentinels.settle()


def fail_over(scene: Scene) -> None:
    """A sentinel is told to make the replica the primary."""
    scene.sentinels.fail_over()
    scene.sentinels.settle()


def move_primary(scene: Scene) -> None:
    """A replica of the Cluster is told to become the primary, which waits for it to catch up."""
    owner = scene.cluster.owner_of(QUEUE)
    replica = scene.cluster.replica_of(owner)
    while scene.cluster.owner_of(QUEUE) is owner:  # it gives up after five seconds
        with replica.connect() as ask:
            ask("CLUSTER", "FAILOVER")
        with suppress(AssertionError):
            wait_until(lambda: scene.cluster.owner_of(QUEUE) is not owner, 6)
    scene.cluster.settle()


class Row(NamedTuple):
    """A kind of fault. ``lags`` says that a replica may lack what came last."""

    name: str
    make: Callable[[Path], SentinelSet | ClusterSet]
    blow: Callable[[Scene], None]
    blows: int
    lags: bool = True
    keeps_accepted: bool = False
    backlog: bool = False
    settings: tuple[tuple[str, object], ...] = ()


_REPLICATED = (("redis_wait_replicas", 1), ("redis_wait_seconds", 0.5))

ROWS = (
    Row("Cluster: slots move", ClusterSet, move_slots, 6, lags=False, backlog=True),
    Row("Cluster: primary kill -9", ClusterSet, kill_primary_of_slot, 5),
    Row("Cluster: primary frozen", ClusterSet, freeze_primary_of_slot, 3),
    Row("Cluster: CLUSTER FAILOVER", ClusterSet, move_primary, 5, lags=False),
    Row("sentinels: primary kill -9", SentinelSet, kill_primary, 5),
    Row("sentinels: SENTINEL FAILOVER", SentinelSet, fail_over, 5),
    Row(
        "sentinels: SENTINEL FAILOVER, redis_wait_replicas=1",
        *(SentinelSet, fail_over, 5),
        keeps_accepted=True,
        settings=_REPLICATED,
    ),
)


def play(row: Row, folder: Path) -> dict[str, Any]:
    """Play a row, and return what came of it; ``faults`` are empty if it holds."""
    with ExitStack() as stack:
        scene = Scene(folder, row.make(folder / "servers"), row.settings)
        stack.callback(scene.close)
        if row.backlog:
            fill(scene)
        load = Load(scene.addresses, QUEUE)
        wait_until(lambda: load.received > 50)
        began = time.monotonic()
        for _ in range(row.blows):
            seen = load.received
            row.blow(scene)
            wait_until(lambda: load.received > seen + 200)  # noqa: B023
        outcome = load.finish(BACK)
        seconds = time.monotonic() - began
        faults = scene.complaints()
        if row.backlog and count_backlog(scene) != BACKLOG:
            faults.append("the backlog is not whole")
    if outcome.lost and (row.keeps_accepted or not row.lags):
        faults.append(f"{outcome.lost} messages were lost")
    if outcome.twice and not row.lags:
        faults.append(f"{outcome.twice} messages came twice")
    if outcome.unasked and not row.settings:  # what is answered not_replicated may stay
        faults.append(f"{outcome.unasked} messages came that nobody had queued")
    if 500 in outcome.statuses:
        faults.append("a request was answered 500")
    fields = {**outcome._asdict(), "seconds": round(seconds, 1)}
    return {"blows": row.blows, **fields, "faults": faults}


def fill(scene: Scene) -> None:
    """Queue the backlog."""
    api = Api(scene.front_ends[0].address)
    for begin in range(0, BACKLOG, 1000):
        batch = list(range(begin, begin + 1000))
        assert api.post("/queues/backlog/enqueue", {"payloads": batch}).status == 200


def count_backlog(scene: Scene) -> int:
    """Take the backlog out, and return how many of its messages came in their order."""
    api = Api(scene.front_ends[1].address)
    expected = 0
    while (reply := api.post("/queues/backlog/dequeue?count=1000")).status == 200:
        for message in reply.json()["messages"]:
            expected += message["payload"] == expected
    return expected


def main() -> int:
    """Run as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust.engine_sets", description=__doc__)
    parser.add_argument("--only", default="", help="rows whose names have this in them")
    given = parser.parse_args()
    rows = [row for row in ROWS if given.only in row.name]
    played: dict[str, dict[str, Any]] = {}
    for row in rows:
        with tempfile.TemporaryDirectory() as folder:
            played[row.name] = play(row, Path(folder))
        print(row.name, json.dumps(played[row.name]), flush=True)
    faults = [f"{name}: {fault}" for name, row in played.items() for fault in row.pop("faults")]
    outcome = {
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "command": shlex.join(["python", "-m", "tests.trust.engine_sets", *sys.argv[1:]]),
        "python": platform.python_version(),
        "server": subprocess.check_output([PROGRAM, "--version"], text=True).strip(),
        "rows": played,
        "faults": faults,
    }
    text = json.dumps(outcome, indent=2) + "\n"
    if len(rows) == len(ROWS):
        RESULT.write_text(text)
    print(text, end="")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
