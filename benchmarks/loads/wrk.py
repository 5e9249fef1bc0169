"""Load over HTTP by wrk, which is written in C: one thread of it outruns the servers here."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import WorkNotDone
from benchmarks.servers.process import find

_SCRIPT = Path(__file__).with_suffix(".lua")


@dataclass(frozen=True)
class Load:
    """What wrk saw: whole requests, seconds, and latencies in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    p999: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def wrk(
    url: str,
    paths: Sequence[str],
    *,
    connections: int,
    seconds: float,
    method: str = "GET",
    body: bytes | None = None,
    header: str = "",
    depth: int = 1,
    heads: str = "bare",
) -> Load:
    """Send requests as fast as they are answered; wrk knows whole seconds only, at least one.

    Several ``paths`` take turns; one that begins with a method of its own has no body.
    ``header`` is one more, such as "Accept: text/plain".
    ``depth`` requests are sent at once on each connection. ``heads`` says what the
    heads hold beside that: "bare" nothing; "traced" and "proxied" what tracing or a proxy adds,
    another each time; "traced-same" and "proxied-same" the same headers, alike in all requests.

    Raises:
        Missing: wrk is not installed.
        WorkNotDone: there were errors, or statuses other than 2xx.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = "-"
        if body is not None:
            file = f"{folder}/body"
            Path(file).write_bytes(body)
        command = [
            find("wrk", "wrk"),
            "--threads=1",
            f"--connections={connections}",
            f"--duration={max(round(seconds), 1)}s",
            "--timeout=30s",
            f"--script={_SCRIPT}",
            url,
            "--",
            *(method, header or "-", file, str(depth), heads),
            *paths,
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds + 60
        )
    return _read(done.stdout, done.stderr)


def _read(output: str, complaints: str) -> Load:
    found = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", output, re.MULTILINE)
    if found is None:
        raise WorkNotDone(f"wrk said: {(complaints or output).strip()[-500:]}")
    requests, micros, errors, p50, p99, p999 = map(int, found.groups())
    if errors or not requests:
        raise WorkNotDone(f"of {requests:,} requests, {errors:,} failed or were refused")
    return Load(requests, micros / 1e6, p50 / 1e3, p99 / 1e3, p999 / 1e3)
