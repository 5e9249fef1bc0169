"""Standard output and standard error that cannot be written: the server goes on and says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.contract.raw import Api
from tests.contract.servers import ROOT
from tests.helpers import wait_until

_LINE = re.compile(r"listens on http://(\S+):(\d+)")


def command(redirection: str, **settings: object) -> list[str]:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    server = [sys.executable, "-m", "zoldyq", "--host", "127.0.0.1", "--port", "0", *flags]
    return ["sh", "-c", f'exec "$@" {redirection}', "sh", *server]


def serve_and_stop(redirection: str, log: Path) -> str:
    """Serve one request with an output that is redirected; return the log."""
    with log.open("wb") as file:
        process = subprocess.Popen(command(redirection), stderr=file, cwd=ROOT)
    try:
        wait_until(lambda: _LINE.search(log.read_text()) is not None, 30)
        found = _LINE.search(log.read_text())
        assert found is not None
        assert Api((found[1], int(found[2]))).get("/live").status == 200
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    return log.read_text()


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
def test_an_output_that_cannot_be_written_is_told_in_the_log(
    tmp_path: Path, redirection: str
) -> None:
    log = serve_and_stop(redirection, tmp_path / "log")
    assert "standard output cannot be written" in log
    assert "Traceback" not in log
    assert "Exception ignored" not in log


def test_a_server_without_standard_error_serves() -> None:
    with subprocess.Popen(command("2>&-"), stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None
        found = _LINE.search(process.stdout.readline())
        assert found is not None
        assert Api((found[1], int(found[2]))).get("/live").status == 200
        process.terminate()
        assert process.wait(30) == 0


def test_a_log_that_no_one_reads_stops_neither_requests_nor_the_end() -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with suppress(BlockingIOError):
        while True:  # until the pipe is full
            os.write(write_end, b"x" * 4096)
    os.set_blocking(write_end, True)
    with subprocess.Popen(
        command("", log_level="debug", max_connections=1, drain_seconds=0),
        stdout=subprocess.PIPE,
        stderr=write_end,
        cwd=ROOT,
        text=True,
    ) as process:
        os.close(write_end)
        assert process.stdout is not None
        found = _LINE.search(process.stdout.readline())
        assert found is not None
        for _ in range(5):
            assert Api((found[1], int(found[2]))).get("/live").status == 200
        process.terminate()
        assert process.wait(30) == 0
    os.close(read_end)


def test_connections_that_the_system_cannot_hold_are_lowered_and_said(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["sh", "-c", 'ulimit -n 100 && exec "$@"', *command("")[3:]],
            stdout=subprocess.PIPE,
            stderr=file,
            cwd=ROOT,
            text=True,
        )
    with process:
        assert process.stdout is not None
        assert _LINE.search(process.stdout.readline()) is not None
        process.terminate()
        assert process.wait(30) == 0
    assert "the system allows 100 open files: max_connections is lowered from 16384 to 18" in (
        log.read_text()
    )
