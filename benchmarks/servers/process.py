"""Child processes: found, started, awaited, measured and stopped."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.figures import Missing

ROOT = Path(__file__).parents[2]

HOST = "127.0.0.1"
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0


def find(program: str, package: str) -> str:
    """Return the path of a program.

    Raises:
        Missing: it is not installed; the text names Debian's package.
    """
    # Debian keeps servers where only root's PATH looks.
    path = os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin"
    found = shutil.which(program, path=path)
    if found is None:
        raise Missing(f"{program} is not installed (Debian package {package})")
    return found


def allow_descriptors(count: int) -> None:
    """Let this process and those that it starts open so many files.

    Raises:
        Missing: the system does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise Missing(f"{count:,} open files are needed, {hard:,} are allowed (ulimit -n)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.create_server((HOST, 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], port: int | None = None, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a program, listening on ``port`` if one is given, for the time of the context.

    Its standard output can be read; what it wrote to standard error is
    added to an error if it has ended by then.

    Raises:
        RuntimeError: it ended, or did not listen in time.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
            stdout=log if port else subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        try:
            if port is not None:
                _await_port(process, port)
            yield process
        except Exception as error:
            if process.poll() is not None:
                log.seek(0)
                error.add_note(f"{command[0]} has ended; it wrote: {log.read()[-2000:].strip()}")
            raise
        finally:
            _stop(process)


def _await_port(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        if process.poll() is not None:
            raise RuntimeError(f"it ended with exit code {process.returncode}")
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise RuntimeError(f"nothing listens on port {port} in time") from None
            time.sleep(0.01)
        else:
            return


def _stop(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    _kill_group(process.pid)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process and its children have taken, user and system.

    Raises:
        Missing: the system does not tell.
    """
    ticks = 0
    try:
        for each in (pid, *_children(pid)):
            fields = (
                Path(f"/proc/{each}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            )
            ticks += int(fields[11]) + int(fields[12])
    except OSError:
        raise Missing("processor time is read from /proc, as on Linux") from None
    return ticks / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text(encoding="ascii").split()]


def resident_bytes(pid: int) -> int:
    """Return the memory that a process holds, in bytes.

    Raises:
        Missing: the system does not tell.
    """
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        raise Missing("the memory of processes is read from /proc, as on Linux") from None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
