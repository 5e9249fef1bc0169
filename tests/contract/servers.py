"""ZoldyQ as its users run it: processes of their own, on free ports of the loopback interface."""

from __future__ import annotations

import atexit
import functools
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.certificates import SecureAddress, shared_authority, shared_certificate
from tests.engine.servers import RedisServer
from tests.engine.sets import ClusterSet, SentinelSet
from tests.helpers import LIMIT, wait_until

ROOT = Path(__file__).parents[2]
#: Event loops of the native server, where a test does not say how many: 0 leaves it to the server.
REACTORS = int(os.environ.get("TEST_REACTORS", "0"))
#: The native server over queues elsewhere: in one Redis, in the primary of sentinels, in a Cluster.
ENGINES = ("redis", "redis-sentinel", "redis-cluster")
#: The ways to serve the same contract. "tls" is the native server with a certificate.
KINDS = ("native", "tls", "waitress", "gunicorn", *ENGINES)

_START_LINE = re.compile(r"listens on https?://(\S+):(\d+)")
_GUNICORN_LINE = re.compile(r"Listening at: http://(\S+):(\d+)")
#: What gunicorn's worker logs once the application is there.
_GUNICORN_READY = "Booting worker with pid"


@functools.cache
def shared_backend(kind: str) -> str:
    """The URL of the servers behind an engine, which start when they are first asked for."""
    folder = Path(tempfile.mkdtemp(prefix=f"zoldyq-{kind}-"))
    servers: RedisServer | SentinelSet | ClusterSet
    if kind == "redis-sentinel":
        servers = SentinelSet(folder)
    elif kind == "redis-cluster":
        servers = ClusterSet(folder, replicas=False)
    else:
        servers = RedisServer(folder)
    atexit.register(servers.stop)
    return servers.url


class ServerProcess:
    """A process that serves, or one that failed to."""

    def __init__(self, command: list[str], folder: Path, settings: dict[str, object]) -> None:
        self.out = folder / "out"
        self.log = folder / "log"
        with self.out.open("wb") as out, self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=log, cwd=ROOT, env=_environment(settings)
            )
        self.host = ""
        self.port = 0
        self.secure = "tls_cert" in settings

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self.secure else 'http'}://{self.host}:{self.port}"

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, for a socket, and what TLS needs to know."""
        if self.secure:
            return SecureAddress.of(self.host, self.port, shared_authority().context())
        return self.host, self.port

    def wait_for(self, file: Path, line: re.Pattern[str]) -> re.Match[str]:
        """Wait until the process has written a line, and return what was found in it."""
        wait_until(lambda: self.ended or line.search(file.read_text()) is not None)
        found = line.search(file.read_text())
        assert found is not None, f"the server did not start: {self.log.read_text()}"
        return found

    @property
    def ended(self) -> bool:
        """Whether the process is over."""
        return self.process.poll() is not None

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send the process a signal."""
        self.process.send_signal(number)

    def exit_code(self) -> int:
        """Wait until the process has ended, and return its exit code."""
        return self.process.wait(LIMIT)

    def stop(self) -> int:
        """End the process in order if it still runs, and return its exit code."""
        if not self.ended:
            self.signal()
        try:
            return self.exit_code()
        finally:
            self.kill()

    def kill(self) -> None:
        """End the process if it still runs, however it is."""
        self.process.kill()
        self.process.wait()


def launch(
    kind: str, folder: Path, *flags: str, switch_interval: float | None = None, **settings: object
) -> ServerProcess:
    """Start a process and return at once; ``settings`` are those of ZoldyQ by their names.

    ``switch_interval`` is how many seconds a thread may keep the interpreter from the others
    (:func:`sys.setswitchinterval`), unless it waits for something.
    """
    settings = {"host": "127.0.0.1", "port": 0, "reactors": REACTORS, **settings}
    if kind == "tls":
        kind = "native"
        settings.setdefault("tls_cert", shared_certificate())
    if kind in ENGINES:
        # Queues of its own in servers that all tests share.
        backend = {"backend": shared_backend(kind), "redis_prefix": folder.name}
        # A busy machine makes nobody unavailable.
        settings = {**backend, "redis_grace": 60, "redis_timeout": 20, **settings}
        kind = "native"
    if kind == "gunicorn":
        command = ["-m", "gunicorn", "-c", "contrib/gunicorn.conf.py", *flags]
    elif switch_interval is None:
        command = ["-m", "zoldyq", "--server", kind, *flags]
    else:
        interval = f"import sys; sys.setswitchinterval({switch_interval})"
        run = "from zoldyq.cli.main import main; main()"
        command = ["-c", f"{interval}; {run}", "--server", kind, *flags]
    return ServerProcess([sys.executable, *command], folder, settings)


def start(kind: str, folder: Path, *flags: str, **settings: object) -> ServerProcess:
    """Start a server and wait until it listens."""
    server = launch(kind, folder, *flags, **settings)
    if kind == "gunicorn":
        found = server.wait_for(server.log, _GUNICORN_LINE)
        server.wait_for(server.log, re.compile(_GUNICORN_READY))
    else:
        found = server.wait_for(server.out, _START_LINE)
    server.host, server.port = found[1].strip("[]"), int(found[2])
    return server


def _environment(settings: dict[str, object]) -> dict[str, str]:
    """The environment with the settings of the test, and none of the person who runs it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZOLDYQ_")}
    given = {f"ZOLDYQ_{name.upper()}": str(value) for name, value in settings.items()}
    return {**kept, **given}
