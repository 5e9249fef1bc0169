"""Sets of servers that the tests start: a primary with sentinels, and a Cluster."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hiredis

from tests.engine.servers import PROGRAM, RedisConnection, RedisServer, free_port
from tests.helpers import wait_until
from zoldyq.engine.cluster import SLOTS, slot_of

#: Names of queues in the first, second and third part of the slots.
SPREAD = ("b", "c", "a")
#: Periods of a sentinel, in milliseconds.
_HURRY = ("info-period", 200, "publish-period", 200, "ping-period", 100, "ask-period", 200)


class SentinelSet:
    """A primary, its replica and three sentinels, which find out within half a second.

    ``servers`` are the two that keep data, ``name`` is what the sentinels call the primary.
    """

    name = "main"

    def __init__(self, folder: Path) -> None:
        first = RedisServer(folder / "0", "--repl-diskless-sync-delay", "0")
        options = ("--replicaof", f"127.0.0.1 {first.port}", "--repl-diskless-sync-delay", "0")
        self.servers = [first, RedisServer(folder / "1", *options)]
        wait_until(lambda: self._linked(self.servers[1]))
        self.sentinels = [_Sentinel(folder / f"s{n}", first.port) for n in range(3)]
        wait_until(lambda: all(each.knows_all() for each in self.sentinels))

    @property
    def url(self) -> str:
        """What to give as ``--backend``."""
        nodes = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{nodes}/{self.name}"

    @property
    def primary(self) -> RedisServer:
        """The primary, as the first sentinel names it."""
        port = self.sentinels[0].primary_port()
        first, second = self.servers
        return first if first.port == port else second

    @property
    def replica(self) -> RedisServer:
        """The other one."""
        first, second = self.servers
        return second if self.primary is first else first

    def fail_over(self) -> None:
        """Have a sentinel make the replica the primary, though nothing is wrong."""
        old = self.primary
        with self.sentinels[0].connect() as ask:
            ask("SENTINEL", "FAILOVER", self.name)
        wait_until(lambda: self.primary is not old)

    def settle(self) -> None:
        """Wait until both servers run, and the sentinels are ready for another failover."""
        for each in self.servers:
            if each.process.poll() is not None:
                each.start()
        wait_until(lambda: all(each.primary_port() == self.primary.port for each in self.sentinels))
        wait_until(lambda: self._linked(self.replica))
        wait_until(lambda: all(each.knows_all() for each in self.sentinels))

    def stop(self) -> None:
        """End all processes."""
        for each in [*self.sentinels, *self.servers]:
            each.stop()

    @staticmethod
    def _linked(server: RedisServer) -> bool:
        try:
            with server.connect() as ask:
                return b"master_link_status:up" in ask("INFO", "replication")
        except OSError:  # a server that is demoted cuts all connections
            return False


class _Sentinel:
    def __init__(self, folder: Path, primary_port: int) -> None:
        folder.mkdir(parents=True)
        self.port = free_port()
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {folder}",
            f"logfile {folder}/log",
            f"sentinel monitor {SentinelSet.name} 127.0.0.1 {primary_port} 2",
            f"sentinel down-after-milliseconds {SentinelSet.name} 500",
            f"sentinel failover-timeout {SentinelSet.name} 1000",
        ]
        file = folder / "sentinel.conf"
        file.write_text("\n".join(lines) + "\n")
        self.process = subprocess.Popen([PROGRAM, str(file), "--sentinel"])
        # It asks its servers once in ten seconds otherwise, and waits eight to demote one.
        wait_until(self._hurries)

    def _hurries(self) -> bool:
        try:
            with self.connect() as ask:
                return bool(ask("SENTINEL", "DEBUG", *_HURRY) == b"OK")
        except OSError:
            return False

    def connect(self) -> RedisConnection:
        """Return a plain connection."""
        return RedisConnection(self.port)

    def primary_port(self) -> int:
        """The port of the primary as this sentinel knows it."""
        with RedisConnection(self.port) as ask:
            found = ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SentinelSet.name)
            return int(found[1])

    def knows_all(self) -> bool:
        """Whether it has found the replica and the other sentinels, and all work."""
        try:
            with RedisConnection(self.port) as ask:
                fields = _fields(ask("SENTINEL", "MASTER", SentinelSet.name))
                replicas = [_fields(each) for each in ask("SENTINEL", "REPLICAS", SentinelSet.name)]
        except (OSError, hiredis.ReplyError):
            return False
        return (
            fields["flags"] == "master"
            and fields["num-other-sentinels"] == "2"
            and [each["flags"] for each in replicas] == ["slave"]
            and replicas[0]["master-link-status"] == "ok"
        )

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


class ClusterSet:
    """Three primaries with a third of the slots each, and a replica for each of them."""

    def __init__(self, folder: Path, *options: str, replicas: bool = True) -> None:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", *options)
        options += ("--repl-diskless-sync-delay", "0", "--cluster-replica-validity-factor", "0")
        count = 6 if replicas else 3
        buses = [free_port() for _ in range(count)]  # between the servers
        self.servers = [
            RedisServer(folder / str(n), *options, "--cluster-port", str(bus))
            for n, bus in enumerate(buses)
        ]
        primaries = self.servers[:3]
        bounds = [SLOTS * n // 3 for n in range(4)]
        for number, each in enumerate(primaries):
            with each.connect() as ask:
                ask("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
                ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        with self.servers[0].connect() as ask:
            for each, bus in zip(self.servers[1:], buses[1:], strict=True):
                ask("CLUSTER", "MEET", "127.0.0.1", each.port, bus)
        wait_until(lambda: all(len(self.view_of(each)) == count for each in self.servers))
        for primary, replica in zip(primaries, self.servers[3:], strict=False):
            with replica.connect() as ask:
                wait_until(lambda: _done(ask, "CLUSTER", "REPLICATE", self.id_of(primary)))  # noqa: B023
        self.settle()

    @property
    def url(self) -> str:
        """What to give as ``--backend``."""
        nodes = ",".join(f"127.0.0.1:{each.port}" for each in self.servers)
        return f"redis+cluster://{nodes}"

    def owner_of(self, queue: str) -> RedisServer:
        """The primary that keeps a queue."""
        living = next(each for each in self.servers if each.process.poll() is None)
        return self.owner_by(living, queue)

    @property
    def primaries(self) -> list[RedisServer]:
        """The servers that keep slots now."""
        living = next(each for each in self.servers if each.process.poll() is None)
        with living.connect() as ask:
            ports = {primary[1] for _, _, primary, *_ in ask("CLUSTER", "SLOTS")}
        return [self.server_at(port) for port in ports]

    def owner_by(self, asked: RedisServer, queue: str) -> RedisServer:
        """The primary that keeps a queue, as one of the servers has it."""
        slot = slot_of(f"{{{queue}}}")
        with asked.connect() as ask:
            for first, last, primary, *_ in ask("CLUSTER", "SLOTS"):
                if first <= slot <= last:
                    return self.server_at(primary[1])
        raise AssertionError(f"nobody keeps slot {slot}")

    def slots_of(self, server: RedisServer) -> list[int]:
        """The slots that a server keeps."""
        with server.connect() as ask:
            found = ask("CLUSTER", "SLOTS")
        return [
            slot
            for first, last, primary, *_ in found
            for slot in range(first, last + 1)
            if primary[1] == server.port
        ]

    def move_slots(self, source: RedisServer, target: RedisServer, slots: list[int]) -> None:
        """Move slots with all that is in them, one after the other."""
        source_id, target_id = self.id_of(source), self.id_of(target)
        with source.connect() as old, target.connect() as new:
            for slot in slots:
                new("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
                old("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
                while keys := old("CLUSTER", "GETKEYSINSLOT", slot, 10):
                    old("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
                new("CLUSTER", "SETSLOT", slot, "NODE", target_id)
                old("CLUSTER", "SETSLOT", slot, "NODE", target_id)

    def server_at(self, port: int) -> RedisServer:
        """The server of a port."""
        return next(each for each in self.servers if each.port == port)

    def replica_of(self, primary: RedisServer) -> RedisServer:
        """The replica of a primary."""
        with primary.connect() as ask:
            (line,) = ask("CLUSTER", "REPLICAS", self.id_of(primary))
        return self.server_at(int(line.split()[1].split(b"@")[0].rpartition(b":")[2]))

    def id_of(self, server: RedisServer) -> str:
        """The id of a server in the Cluster."""
        with server.connect() as ask:
            return str(ask("CLUSTER", "MYID").decode())

    def view_of(self, server: RedisServer) -> list[str]:
        """What a server knows of all servers, a line each."""
        with server.connect() as ask:
            return list(ask("CLUSTER", "NODES").decode().splitlines())

    def move_slot(self, queue: str, between: Callable[[], None] = lambda: None) -> None:
        """Move the slot of a queue to another primary, key by key; ``between`` is called often."""
        slot = slot_of(f"{{{queue}}}")
        source = self.owner_of(queue)
        target = next(each for each in self.primaries if each is not source)
        source_id, target_id = self.id_of(source), self.id_of(target)
        with source.connect() as old, target.connect() as new:
            new("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
            old("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
            between()
            while keys := old("CLUSTER", "GETKEYSINSLOT", slot, 1):
                old("MIGRATE", "127.0.0.1", target.port, keys[0], 0, 5000)
                between()
            new("CLUSTER", "SETSLOT", slot, "NODE", target_id)
            old("CLUSTER", "SETSLOT", slot, "NODE", target_id)

    def settle(self) -> None:
        """Wait until all servers run, agree and are whole."""
        for each in self.servers:
            if each.process.poll() is not None:
                each.start()
        wait_until(lambda: all(self._whole(each) for each in self.servers))

    def _whole(self, server: RedisServer) -> bool:
        lines = [line.split() for line in self.view_of(server)]
        with server.connect() as ask:
            state = ask("CLUSTER", "INFO")
            replication = ask("INFO", "replication")
        replicas = sum("slave" in line[2] for line in lines)
        return (
            b"cluster_state:ok" in state
            and replicas == len(self.servers) - 3
            and all(line[7] == "connected" and "fail" not in line[2] for line in lines)
            and (b"role:master" in replication or b"master_link_status:up" in replication)
        )

    def stop(self) -> None:
        """End all processes."""
        for each in self.servers:
            each.stop()


def _done(ask: RedisConnection, *words: str) -> bool:
    try:
        return bool(ask(*words) == b"OK")
    except hiredis.ReplyError:
        return False


def _fields(reply: list[Any]) -> dict[str, str]:
    pairs = zip(reply[::2], reply[1::2], strict=True)
    return {bytes(name).decode(): bytes(value).decode() for name, value in pairs}
