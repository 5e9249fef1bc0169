"""Redis servers that the tests start and stop, and a plain client for what stands in them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import hiredis
import pytest

from tests.helpers import wait_until

#: What to start: another Redis, or a Valkey, where a test run names one.
PROGRAM = os.environ.get("TEST_REDIS_SERVER", "redis-server")
#: Skips a test module where the server is missing, with a line that says so.
needs_redis = pytest.mark.skipif(
    shutil.which(PROGRAM) is None, reason=f"{PROGRAM} is not installed"
)


class RedisServer:
    """One redis-server process on a free port of the loopback interface."""

    def __init__(self, folder: Path, *options: str, password: str = "") -> None:
        self._password = password
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self._command = [PROGRAM, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._command += ["--dir", str(folder), "--logfile", str(folder / "log"), *options]
        self.start()

    def start(self) -> None:
        """Begin, on the same port each time, and wait until it answers."""
        self.process = subprocess.Popen(self._command)
        wait_until(self._answers, 20)

    @property
    def url(self) -> str:
        """What to give as ``--backend``."""
        return f"redis://127.0.0.1:{self.port}"

    def connect(self) -> RedisConnection:
        """Return a plain connection."""
        return RedisConnection(self.port)

    def freeze(self) -> None:
        """Stop the process where it is."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have the process go on."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            with self.connect() as connection:
                if self._password:
                    connection("AUTH", self._password)
                return bool(connection("PING") == b"PONG")
        except (OSError, hiredis.ReplyError):
            return False


class RedisConnection:
    """Sends commands and waits for each reply. Call it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 20)
        self._reader = hiredis.Reader()

    def __call__(self, *words: str | bytes | int | float) -> Any:
        """Return the reply to one command. Raises hiredis.ReplyError for an error."""
        self._socket.sendall(hiredis.pack_command(words))
        while (reply := self._reader.gets()) is False:
            data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionResetError("Redis closed the connection")
            self._reader.feed(data)
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def __enter__(self) -> RedisConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
