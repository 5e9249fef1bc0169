"""Signals, sent to a process of their own."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
from zoldyq.server.signals import Signals
signals = Signals()
print("ready", flush=True)
while not signals.stopping:
    signals.wait(30)
    if signals.take_reload():
        print("reload", flush=True)
print("stopping", flush=True)
while True:
    signals.wait(30)
"""


@pytest.fixture
def process() -> subprocess.Popen[str]:
    started = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    assert read(started) == "ready"
    return started


def read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_stops_and_the_second_ends_at_once(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    with process:
        process.send_signal(number)
        assert read(process) == "stopping"
        process.send_signal(number)
        assert process.wait(20) == 128 + number


def test_each_sighup_is_seen_once(process: subprocess.Popen[str]) -> None:
    with process:
        for _ in range(3):
            process.send_signal(signal.SIGHUP)
            assert read(process) == "reload"
        process.terminate()
        assert read(process) == "stopping"
        process.kill()
