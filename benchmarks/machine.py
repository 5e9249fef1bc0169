"""What the figures were measured on and with."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from zoldyq import __version__

_VERSION_COMMANDS = {
    "redis": ("redis-server", "--version"),
    "nats": ("nats-server", "--version"),
    "beanstalkd": ("beanstalkd", "-v"),
    "nginx": ("nginx", "-v"),
}


def describe() -> dict[str, str | int]:
    """Return the machine, the interpreter, the versions and the time, for the results."""
    return {
        "zoldyq": __version__,
        "python": f"{platform.python_version()}{'' if _gil() else ' without the GIL'}",
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **{name: version for name, version in _peers().items() if version},
    }


def _peers() -> dict[str, str]:
    return {**{name: _version(name) for name in _VERSION_COMMANDS}, "rabbitmq": _rabbitmq()}


def _gil() -> bool:
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.machine()
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _rabbitmq() -> str:
    """Return its version by its folder: its own commands leave a port mapper running."""
    folders = sorted(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*"))
    return folders[-1].name.partition("-")[2] if folders else ""


def _version(name: str) -> str:
    """Return a program's version, or nothing where it is not installed."""
    try:
        done = subprocess.run(
            _VERSION_COMMANDS[name], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else ""
