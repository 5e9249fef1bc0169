from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from zoldyq.server import machine


def run(code: str, *limits: tuple[int, int]) -> str:
    """What a process prints that may use so much."""

    def limit() -> None:
        for kind, most in limits:
            resource.setrlimit(kind, (most, most))

    done = subprocess.run(
        [sys.executable, "-c", f"from zoldyq.server import machine\n{code}"],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout.strip()


def test_open_files_are_raised_to_what_is_wanted_or_to_what_the_system_allows() -> None:
    files = (resource.RLIMIT_NOFILE, 200)
    assert run("print(machine.raise_descriptor_limit(150))", files) == "150"
    assert run("print(machine.raise_descriptor_limit(5000))", files) == "200"


def test_a_limit_of_the_shell_on_memory_is_seen() -> None:
    memory = (resource.RLIMIT_AS, 3 << 30)
    assert int(run("print(machine.memory_limit())", memory)) <= 3 << 30


def test_a_limit_of_a_container_or_of_a_group_above_is_seen(tmp_path: Path) -> None:
    group = tmp_path / "a/b"
    group.mkdir(parents=True)
    (tmp_path / "a/memory.max").write_text("5000\n")
    (group / "memory.max").write_text("max\n")
    membership = tmp_path / "cgroup"
    membership.write_text("0::/a/b\n")
    assert list(machine._cgroup_limits(tmp_path, membership)) == [5000]


def test_limits_of_the_first_version_of_control_groups_are_seen(tmp_path: Path) -> None:
    (tmp_path / "memory/docker").mkdir(parents=True)
    (tmp_path / "memory/docker/memory.limit_in_bytes").write_text("7000\n")
    (tmp_path / "memory/memory.limit_in_bytes").write_text("9223372036854771712\n")
    membership = tmp_path / "cgroup"
    membership.write_text("9:cpu,cpuacct:/docker\n8:memory:/docker\n")
    assert list(machine._cgroup_limits(tmp_path, membership)) == [7000]


def test_without_control_groups_there_is_no_such_limit(tmp_path: Path) -> None:
    assert list(machine._cgroup_limits(tmp_path, tmp_path / "missing")) == []


def test_the_allocator_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
    monkeypatch.delenv("PYTHONMALLOC", raising=False)
    assert not machine.uses_mimalloc()
    monkeypatch.setenv("PYTHONMALLOC", "mimalloc_debug")
    assert machine.uses_mimalloc()
    monkeypatch.delenv("PYTHONMALLOC")
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert machine.uses_mimalloc()
