"""What a server takes of its machine, as Linux tells it."""

from __future__ import annotations

import re
import resource
from pathlib import Path
from typing import NamedTuple

import pytest

MIB = 1 << 20

#: For tests that cannot look into a process elsewhere.
needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="there is no /proc on this system"
)


class Usage(NamedTuple):
    """Memory in bytes that is in use, and numbers of threads and of open descriptors."""

    memory: int
    threads: int
    descriptors: int


def usage(process_id: int) -> Usage:
    """Look what a process takes now."""
    status = Path(f"/proc/{process_id}/status").read_text()
    descriptors = sum(1 for _ in Path(f"/proc/{process_id}/fd").iterdir())
    return Usage(
        _figure(r"VmRSS:\s+(\d+) kB", status) << 10,
        _figure(r"Threads:\s+(\d+)", status),
        descriptors,
    )


def allow_descriptors(count: int) -> None:
    """Have this process open as many descriptors more, or skip the test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 256
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"the system allows {hard} open files, and this test needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _figure(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, pattern
    return int(found[1])
