"""What the machine grants this process: open files, memory, and who allocates it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

try:
    import resource
except ImportError:  # not on every platform
    resource = None  # type: ignore[assignment]

#: Limits of this size and more mean that there is none, in bytes.
_UNLIMITED = 1 << 60
_CGROUPS = Path("/sys/fs/cgroup")


def raise_descriptor_limit(wanted: int) -> int:
    """Allow this many open files, or as many as the system lets us; return how many that are."""
    if resource is None:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def memory_limit() -> int | None:
    """Return how many bytes this process may use: by its container or ``ulimit``, None for any."""
    limits = [*_ulimits(), *_cgroup_limits(_CGROUPS, Path("/proc/self/cgroup"))]
    return min(limits, default=None)


def uses_mimalloc() -> bool:
    """Tell whether Python allocates with mimalloc, as it does without the GIL."""
    asked = os.environ.get("PYTHONMALLOC", "").startswith("mimalloc")
    return asked or not getattr(sys, "_is_gil_enabled", lambda: True)()


def _ulimits() -> Iterator[int]:
    if resource is None:
        return
    for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA):
        soft, _ = resource.getrlimit(kind)
        if soft != resource.RLIM_INFINITY:
            yield soft


def _cgroup_limits(root: Path, membership: Path) -> Iterator[int]:
    """Yield the limits of all control groups of this process (cgroups(7), both versions)."""
    for line in _text(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        folder = root / "memory" if controllers else root
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        group = Path(path.lstrip("/"))
        for part in (group, *group.parents):
            text = _text(folder / part / name).strip()
            if text.isdecimal() and int(text) < _UNLIMITED:
                yield int(text)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
