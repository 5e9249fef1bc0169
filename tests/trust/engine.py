"""Front ends over one Redis under every fault: ``python -m tests.trust.engine``.

Three front ends share a Redis. Producers and consumers move between them, and write down what
they are answered (tests/trust/engine_load.py). Each row is one kind of fault, again and again:
front ends are killed, stopped in order or frozen, Redis is frozen, ends and comes back, has no
memory left, forgets its scripts or its data, and connections are cut in every place.

At the end of a row every message is accounted for: none came twice, none came that was refused,
and none was lost that had been accepted. A front end that is killed may take along what it was
about to write; a Redis without its file, or after FLUSHALL, has lost what was there by then.

The outcome is printed, and kept in ``engine_result.json`` beside this file. The exit code is 1 if
a row does not hold.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

import hiredis
import msgspec

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess, start
from tests.engine.cutter import Cutter
from tests.engine.servers import RedisServer
from tests.helpers import wait_until
from tests.trust.engine_load import Address, Load, Outcome

RESULT = Path(__file__).with_name("engine_result.json")
LEASE = 0.5
#: When what a dead front end was given is back for certain, in seconds: four leases, as the guide
#: promises, and time for a busy machine.
BACK = 4 * LEASE + 3.0
#: Seconds between two blows.
PAUSES = (0.3, 0.9)
#: Messages that one killed front end may take along.
AT_MOST_LOST = 3


class Scene:
    """A Redis and the front ends over it, with what may happen to them."""

    def __init__(self, folder: Path, *options: str, **settings: object) -> None:
        folder.mkdir(parents=True)
        self.redis = RedisServer(folder / "redis", *options)
        self.cutter = Cutter(self.redis.port)
        self.dice = random.Random(folder.name)
        self._folder = folder
        self._numbers = itertools.count()
        self._settings = {
            "backend": self.redis.url,
            "redis_lease": LEASE,
            "redis_timeout": 1.0,
            "redis_grace": 5.0,
            "drain_seconds": 5,
            **settings,
        }
        self._ended: list[ServerProcess] = []
        self.front_ends: list[ServerProcess] = []

    def addresses(self) -> list[Address]:
        """Return where the front ends listen."""
        return [each.address for each in self.front_ends]

    def begin(self, **settings: object) -> ServerProcess:
        """Start a front end, and return it once it listens."""
        folder = self._folder / f"f{next(self._numbers)}"
        folder.mkdir()
        server = start("native", folder, **{**self._settings, **settings})
        self.front_ends.append(server)
        return server

    def use_cutter(self) -> None:
        """Have front ends that begin from now on reach Redis through the cutter."""
        self._settings["backend"] = self.cutter.url

    def stats(self, queue: str) -> dict[str, Any]:
        """Return the statistics of a queue, from any front end."""
        return dict(Api(self.front_ends[0].address).stats(queue))

    def leave(self, server: ServerProcess) -> None:
        """Send no more requests to a front end that is about to end."""
        self.front_ends.remove(server)
        self._ended.append(server)

    def tell(self, *words: str | int) -> None:
        """Send Redis a command, whatever it answers."""
        with suppress(OSError, hiredis.ReplyError), self.redis.connect() as redis:
            redis(*words)

    def pause(self) -> None:
        """Let things run for a moment."""
        time.sleep(self.dice.uniform(*PAUSES))

    def close(self) -> None:
        """End everything, whatever state it is in."""
        for server in [*self.front_ends, *self._ended]:
            server.signal(signal.SIGCONT)
            server.kill()
        self.cutter.__exit__(None, None, None)
        self.redis.process.send_signal(signal.SIGCONT)
        self.redis.stop()

    def complaints(self) -> list[str]:
        """What the logs of the front ends tell that must not be there."""
        return [
            f"{server.log.parent.name}: {line}"
            for server in [*self.front_ends, *self._ended]
            for line in server.log.read_text().splitlines()
            if "Traceback" in line or "unexpected" in line
        ][:3]


Blow = Callable[[Scene], None]


# -- what may happen ------------------------------------------------------------------------------


def kill(scene: Scene) -> None:
    """A front end is killed, and another one begins."""
    victim = scene.dice.choice(scene.front_ends)
    victim.signal(signal.SIGKILL)
    victim.exit_code()
    scene.begin()
    scene.leave(victim)


def replace(scene: Scene) -> None:
    """The oldest front end is stopped in order, once its successor is there."""
    oldest = scene.front_ends[0]
    scene.begin()
    scene.leave(oldest)
    assert oldest.stop() == 0, oldest.log.read_text()


def stop_first(scene: Scene) -> None:
    """A front end is stopped in order while requests still go to it."""
    oldest = scene.front_ends[0]
    assert oldest.stop() == 0, oldest.log.read_text()
    scene.leave(oldest)
    scene.begin()


def freeze(seconds: float) -> Blow:
    """A front end stands still for so long."""

    def blow(scene: Scene) -> None:
        victim = scene.dice.choice(scene.front_ends)
        victim.signal(signal.SIGSTOP)
        time.sleep(seconds)
        victim.signal(signal.SIGCONT)

    return blow


def freeze_redis(seconds: float) -> Blow:
    """Redis stands still for so long."""

    def blow(scene: Scene) -> None:
        scene.redis.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        scene.redis.process.send_signal(signal.SIGCONT)

    return blow


def restart_redis(number: int) -> Blow:
    """Redis gets this signal, and begins again a moment later."""

    def blow(scene: Scene) -> None:
        scene.redis.process.send_signal(number)
        scene.redis.process.wait()
        time.sleep(scene.dice.choice([0, 0.5]))
        scene.redis.start()
        rewrite_a_cut_file(scene)

    return blow


def rewrite_a_cut_file(scene: Scene) -> None:
    """Do what the guide tells to do when the file of Redis ended within a transaction.

    Redis 7.0 leaves the beginning of the transaction in the file, and at the next restart it runs
    together with what follows: https://github.com/valkey-io/valkey/pull/4342.
    """
    log = scene.redis.folder / "log"
    if "Truncating the AOF" in log.read_text():
        scene.tell("BGREWRITEAOF")
        wait_until(lambda: "Background AOF rewrite finished" in log.read_text())
        log.rename(log.with_suffix(f".{time.monotonic_ns()}"))


def cut(scene: Scene) -> None:
    """The connections between front ends and Redis break."""
    scene.cutter.cut()


def hang_up(scene: Scene) -> None:
    """The connection ends in the middle of an answer of Redis."""
    scene.cutter.cut_after(scene.dice.randrange(1, 3000))


def stall(scene: Scene) -> None:
    """Nothing passes between front ends and Redis for longer than they wait for an answer."""
    scene.cutter.stall()
    time.sleep(1.5)
    scene.cutter.resume()


def kill_clients(scene: Scene) -> None:
    """Redis ends the connections of all clients."""
    scene.tell("CLIENT", "KILL", "TYPE", "normal")
    scene.tell("CLIENT", "KILL", "TYPE", "pubsub")


def fill_memory(scene: Scene) -> None:
    """Redis has no memory left, and then it has some again."""
    scene.tell("CONFIG", "SET", "maxmemory", 1)
    time.sleep(0.5)
    scene.tell("CONFIG", "SET", "maxmemory", 0)


def forget_scripts(scene: Scene) -> None:
    """Redis forgets the scripts."""
    scene.tell("SCRIPT", "FLUSH")


def forget_everything(scene: Scene) -> None:
    """Redis forgets all data."""
    scene.tell("FLUSHALL")


def change_settings(scene: Scene) -> None:
    """Settings of Redis change while it runs."""
    for name, value, back in (
        ("timeout", "1", "0"),
        ("appendonly", "yes", "no"),
        ("maxmemory-policy", "volatile-lru", "noeviction"),
        ("client-output-buffer-limit", "pubsub 1kb 1kb 1", "pubsub 32mb 8mb 60"),
        ("activedefrag", "yes", "no"),
        ("lazyfree-lazy-user-del", "yes", "no"),
        ("list-max-listpack-size", "1", "-2"),
    ):
        scene.tell("CONFIG", "SET", name, value)
        time.sleep(0.1)
        scene.tell("CONFIG", "SET", name, back)


def change_password(scene: Scene) -> None:
    """Redis wants a password for a while, and the connections break meanwhile."""
    with scene.redis.connect() as redis:
        redis("CONFIG", "SET", "requirepass", "secret")
        redis("AUTH", "secret")
        redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        time.sleep(0.7)
        redis("CONFIG", "SET", "requirepass", "")


class Row(NamedTuple):
    """A kind of fault. ``forgets`` says that what was queued before a blow may be gone.

    With few consumers the queue fills up.
    """

    name: str
    blow: Blow
    blows: int
    options: tuple[str, ...] = ()
    settings: dict[str, object] = {}  # noqa: RUF012 - never changed
    through_cutter: bool = False
    lost_each: int = 0
    forgets: bool = False
    expect: int = 200  # a status that producers get
    consumers: int = 4


_FILE = ("--appendonly", "yes", "--appendfsync")

ROWS = (
    Row("front end: kill -9", kill, 45, lost_each=AT_MOST_LOST),
    Row("front ends: rolling restart", replace, 12),
    Row("front end: SIGTERM under load", stop_first, 12),
    Row("front end: frozen for 3 leases", freeze(3 * LEASE), 6),
    Row("front end: frozen for 14 leases", freeze(14 * LEASE), 3),
    Row("Redis: frozen for 0.5 s", freeze_redis(0.5), 8),
    Row("Redis: frozen for 3 s", freeze_redis(3), 4),
    Row(
        "Redis: SIGTERM, with its file",
        restart_redis(signal.SIGTERM),
        8,
        (*_FILE, "everysec"),
        consumers=2,
    ),
    Row(
        "Redis: kill -9, with its file",
        restart_redis(signal.SIGKILL),
        8,
        (*_FILE, "always"),
        consumers=2,
    ),
    Row("Redis: kill -9, no file", restart_redis(signal.SIGKILL), 6, forgets=True),
    Row("Redis: FLUSHALL", forget_everything, 10, forgets=True),
    Row("Redis: SCRIPT FLUSH", forget_scripts, 15),
    Row("Redis: memory full", fill_memory, 8, expect=429),
    Row("Redis: CONFIG SET", change_settings, 6),
    Row("Redis: a password for a while", change_password, 6),
    Row("connections: CLIENT KILL", kill_clients, 20),
    Row("connections: cut", cut, 20, through_cutter=True),
    Row("connections: ended within an answer", hang_up, 30, through_cutter=True),
    Row("connections: stalled for 1.5 s", stall, 6, through_cutter=True),
)


def play(row: Row, folder: Path, blows: int | None = None) -> dict[str, Any]:
    """Play a row, and return what came of it; ``faults`` are empty if it holds."""
    count = row.blows if blows is None else min(blows, row.blows)
    with ExitStack() as stack:
        scene = Scene(folder, *row.options, **row.settings)
        stack.callback(scene.close)
        if row.through_cutter:
            scene.use_cutter()
        for _ in range(3):
            scene.begin()
        began = time.monotonic()
        load = Load(scene.addresses, "q", consumers=row.consumers)
        since = 0.0
        wait_until(lambda: load.received > 50)
        for _ in range(count):
            scene.pause()
            row.blow(scene)
            since = time.monotonic()
        scene.pause()
        seen = load.received
        wait_until(lambda: load.received > seen + 50)
        outcome = load.finish(BACK, since if row.forgets else 0.0)
        seconds = time.monotonic() - began
        stats = scene.stats("q")
        complaints = scene.complaints()
        late = _late(scene)
    return {
        "blows": count,
        "seconds": round(seconds, 1),
        **outcome._asdict(),
        "put_back": int(stats.get("put_back_total", 0)),
        "faults": [*faults_of(row, count, outcome), *complaints, *late],
    }


def _late(scene: Scene) -> list[str]:
    """What came back later than the guide promises, or is still kept for a dead front end."""
    with scene.redis.connect() as redis:
        late = redis("LLEN", "zoldyq:{q}:m")
        stored = [bytes(redis("GET", key)) for key in redis("KEYS", "zoldyq:{q}:f:*")]
    # Behind the number of the call is what call.lua replied; see zoldyq/engine/call.py.
    replies = [msgspec.msgpack.decode(each[16:], type=list[msgspec.Raw]) for each in stored]
    kept = sum(bytes(reply[8]) not in _EMPTY for reply in replies)
    return [f"{late} messages came back too late, {kept} replies are kept"] if late + kept else []


#: A list or map without anything, in MessagePack.
_EMPTY = (b"\x80", b"\x90")


def faults_of(row: Row, count: int, outcome: Outcome) -> list[str]:
    """What does not hold."""
    wrong = {
        f"{outcome.lost} messages were lost": outcome.lost > row.lost_each * count,
        f"{outcome.lost_before} old messages were lost": (
            outcome.lost_before > 0 and not row.forgets
        ),
        f"{outcome.twice} messages came twice": outcome.twice > 0,
        f"{outcome.unasked} messages came that nobody had queued": outcome.unasked > 0,
        f"no request was answered {row.expect}": row.expect not in outcome.statuses,
        "a request was answered 500": 500 in outcome.statuses,
    }
    return [text for text, is_so in wrong.items() if is_so]


def run(rows: list[Row], folder: Path, blows: int | None, command: str) -> dict[str, Any]:
    """Play rows one after the other, and return the outcome as it is kept."""
    played: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows):
        played[row.name] = play(row, folder / str(number), blows)
        print(row.name, json.dumps(played[row.name]), flush=True)
    faults = [f"{name}: {fault}" for name, row in played.items() for fault in row.pop("faults")]
    return {
        "day": time.strftime("%Y-%m-%d", time.gmtime()),
        "command": command,
        "python": platform.python_version(),
        "redis": subprocess.check_output(["redis-server", "--version"], text=True).split()[2],
        "lease_seconds": LEASE,
        "rows": played,
        "faults": faults,
    }


def main() -> int:
    """Run as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust.engine", description=__doc__)
    parser.add_argument("--only", default="", help="rows whose names have this in them")
    parser.add_argument("--blows", type=int, help="at most so many blows in each row")
    parser.add_argument("--keep", type=Path, help="a folder for logs")
    given = parser.parse_args()
    rows = [row for row in ROWS if given.only in row.name]
    command = shlex.join(["python", "-m", "tests.trust.engine", *sys.argv[1:]])
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(rows, given.keep or Path(folder), given.blows, command)
    text = json.dumps(outcome, indent=2) + "\n"
    if len(rows) == len(ROWS) and given.blows is None:
        RESULT.write_text(text)
    print(text, end="")
    return 1 if outcome["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
