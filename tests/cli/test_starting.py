"""A signal while a command starts ends it without a word."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib

import pytest

from tests.contract.servers import ROOT
from tests.helpers import LIMIT
from zoldyq.cli import starting

#: Sends itself a signal at the n-th import of the start, whatever that loads.
INTERRUPTED = """
import os, sys
from zoldyq.__main__ import main

number, left, *arguments = sys.argv[1:]
left = int(left)

def on_event(event, _):
    global left
    if event == "import":
        left -= 1
        if not left:
            os.kill(os.getpid(), int(number))

sys.addaudithook(on_event)
sys.argv = ["zoldyq", *arguments]
main()
"""


def start(number: int, imports: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", INTERRUPTED, str(int(number)), str(imports), *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=False
    )


@pytest.mark.parametrize("imports", [1, 10, 60, 150, 300, 400])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_server_that_loads_ends_without_a_word(number: int, code: int, imports: int) -> None:
    done = start(number, imports, "--host", "127.0.0.1", "--port", "0")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_so_does_any_other_command(number: int, code: int) -> None:
    done = start(number, 100, "health")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_what_the_parent_process_has_switched_off_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        starting.begin()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        starting.end()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_afterwards_both_do_what_they_did_unless_another_handler_was_set() -> None:
    def other(*_: object) -> None:
        """Do nothing."""

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        starting.begin()
        starting.begin()  # the server's module is loaded later than the others
        signal.signal(signal.SIGTERM, other)
        starting.end()
        assert signal.getsignal(signal.SIGINT) is before[0]
        assert signal.getsignal(signal.SIGTERM) is other
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


def test_the_command_and_the_module_begin_in_the_same_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["scripts"] == {"zoldyq": "zoldyq.__main__:main"}
