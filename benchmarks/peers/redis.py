"""Redis: lists as queues, over its own protocol, with its own load generator."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager

from benchmarks.figures import WorkNotDone, expect
from benchmarks.payload import PAYLOAD
from benchmarks.servers.process import HOST, find, free_port, resident_bytes, running

REDIS = "Redis"
_QUEUE = "bench"
_FILL_BATCH = 1_000
_MOST = 100_000_000


class Redis:
    """A running server."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid
        self._sock = socket.create_connection((HOST, port), timeout=120)
        self._answers = self._sock.makefile("rb")

    @property
    def memory(self) -> int:
        """The memory that it holds, in bytes."""
        return resident_bytes(self.pid)

    def close(self) -> None:
        """Close the connection of this object; the server goes on."""
        self._answers.close()
        self._sock.close()

    def command(self, *words: bytes) -> int:
        """Send a command whose answer is a number, and return it."""
        self._sock.sendall(encoded(*words))
        answer = self._answers.readline()
        if not answer.startswith(b":"):
            raise WorkNotDone(f"Redis answered {answer!r}")
        return int(answer[1:])

    def length(self, queue: bytes = _QUEUE.encode()) -> int:
        """Return how many messages a list holds."""
        return self.command(b"LLEN", queue)

    def top_up(self, size: int, payload: bytes = PAYLOAD) -> None:
        """Append what is missing to so many messages."""
        missing = size - self.length()
        for start in range(0, missing, _FILL_BATCH):
            payloads = [payload] * min(_FILL_BATCH, missing - start)
            self.command(b"RPUSH", _QUEUE.encode(), *payloads)

    def empty(self) -> None:
        """Drop all messages."""
        self.command(b"DEL", _QUEUE.encode())


def encoded(*words: bytes) -> bytes:
    """Return a command as Redis's protocol has it."""
    parts = [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
    return b"*%d\r\n%s" % (len(words), b"".join(parts))


@contextmanager
def redis() -> Iterator[Redis]:
    """Run a server that keeps nothing on disk."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [
            find("redis-server", "redis-server"),
            *("--bind", HOST, "--port", str(port), "--dir", folder),
            *("--save", "", "--appendonly", "no"),
        ]
        with running(command, port) as process, closing(Redis(port, process.pid)) as server:
            yield server


class RedisLoad:
    """Runs one command by redis-benchmark for about as long as it is told.

    redis-benchmark is told how many commands to send; how many that are in a second is learned
    from one measurement to the next.
    """

    def __init__(self, redis: Redis, *, count: int = 1, depth: int = 1) -> None:
        self._redis = redis
        self._count = count
        self._depth = depth
        self._rate = 10_000.0

    def push(self, connections: int, seconds: float, command: str = "RPUSH") -> float:
        """Append as fast as possible to an empty list; return messages a second."""
        self._redis.empty()
        payloads = [PAYLOAD.decode()] * self._count
        sent = self._run(connections, seconds, command, _QUEUE, *payloads)
        expect(self._redis.length(), sent * self._count, sent * self._count, "messages pushed")
        return self._rate * self._count

    def pop(self, connections: int, seconds: float, command: str = "LPOP") -> float:
        """Take as fast as possible from a list that never runs empty; return messages a second."""
        stock = min(int(self._rate * seconds * 2 + 1_000) * self._count, _MOST)
        self._redis.top_up(stock)
        before = self._redis.length()
        many = [str(self._count)] if self._count > 1 else []
        sent = self._run(connections, seconds, command, _QUEUE, *many)
        taken = before - self._redis.length()
        expect(taken, sent * self._count, sent * self._count, "messages popped")
        return self._rate * self._count

    def _run(self, connections: int, seconds: float, *command: str) -> int:
        """Send the command so often that it takes about so long; return how often."""
        # Whole rounds of all connections, so that redis-benchmark sends no command too many.
        turn = connections * self._depth
        commands = max(int(self._rate * seconds / turn), 1) * turn
        done = subprocess.run(
            [
                find("redis-benchmark", "redis-tools"),
                *("-h", HOST, "-p", str(self._redis.port), "--csv"),
                *("-n", str(commands), "-c", str(connections), "-P", str(self._depth)),
                *command,
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        )
        # The command comes first, with its quotes as they are; seven figures follow.
        self._rate = float(done.stdout.splitlines()[-1].rsplit(",", 7)[1].strip('"'))
        return commands
