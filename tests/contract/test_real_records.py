"""The example that sends this machine's package records through a queue."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest

from tests.certificates import shared_authority
from tests.contract.raw import Api
from tests.contract.servers import ROOT, ServerProcess

EXAMPLE = ROOT / "contrib" / "examples" / "records.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = spec_from_file_location("records", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("kind", ["native", "tls", "gunicorn"])
def test_each_record_comes_out_once_unchanged_and_in_order(
    shared: Callable[[str], ServerProcess], queue: str, kind: str
) -> None:
    server = shared(kind)
    limit = 3000 if kind == "native" else 1000
    url = server.url.replace("127.0.0.1", "localhost")
    secure = ["--cacert", str(shared_authority().ca)] if kind == "tls" else []
    done = run("--url", url, *secure, "--queue", queue, "--limit", str(limit))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "each came once, unchanged and in order" in done.stdout
    count = int(done.stdout.split()[0])
    assert count == limit
    stats = Api(server.address).stats(queue)
    assert stats["enqueued_total"] == count
    assert stats["dequeued_total"] - stats["put_back_total"] == count
    assert stats["size"] == 0


def test_it_tells_how_it_is_used() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "--url" in done.stdout


def test_the_records_are_json_lines(example: ModuleType) -> None:
    lines = run("--print", "--limit", "50").stdout.rstrip("\n").split("\n")
    assert lines == example.read_records(50)
    assert all(line.startswith("{") for line in lines)


SENT = {"a": ["a0", "a1", "a2"], "b": ["b0", "b1"]}


class TestProblems:
    @pytest.mark.parametrize(
        "taken",
        [
            [["a0", "b0", "a1", "b1", "a2"], []],
            [["b0", "a1"], ["a0", "a2"], ["b1"]],
        ],
    )
    def test_none(self, example: ModuleType, taken: list[list[str]]) -> None:
        assert example.problems(SENT, taken) == []

    @pytest.mark.parametrize(
        ("taken", "problem"),
        [
            ([["a0", "b0", "a1", "b1"]], "never came"),
            ([["a0", "b0", "a1", "b1", "a2", "a2"]], "more than once"),
            ([["a0", "b0", "a1", "b1"], ["a2", "a0"]], "more than once"),
            ([["a0", "b0", "a1", "b1", "A2"]], "never sent"),
            ([["a1", "b0", "a0", "b1", "a2"]], "out of order"),
        ],
    )
    def test_what_is_found(self, example: ModuleType, taken: list[list[str]], problem: str) -> None:
        assert any(problem in found for found in example.problems(SENT, taken))
