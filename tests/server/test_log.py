from __future__ import annotations

import fcntl
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.helpers import wait_until
from zoldyq.server.log import BackgroundHandler


class Pipe:
    """A pipe, and a handler that writes to it."""

    def __init__(self, capacity: int) -> None:
        self.read_end, write_end = os.pipe()
        self.handler = BackgroundHandler(write_end, capacity)
        self.log = logging.getLogger("test.pipe")
        self.log.propagate = False
        self.log.addHandler(self.handler)

    def read(self, size: int = 1 << 20) -> str:
        return os.read(self.read_end, size).decode()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe(capacity=10)
    yield pipe
    pipe.log.removeHandler(pipe.handler)
    # So that a thread that is blocked in a write ends.
    os.set_blocking(pipe.read_end, False)
    while pipe.handler._thread.is_alive():
        pipe.handler.finish(0.01)
        try:
            pipe.read()
        except BlockingIOError:
            continue
    os.close(pipe.read_end)


def test_records_are_written_in_order_with_their_level(pipe: Pipe) -> None:
    pipe.log.warning("first %d", 1)
    pipe.log.error("second")
    pipe.handler.finish(10)
    first, second = pipe.read().splitlines()
    assert first.endswith("WARNING first 1")
    assert second.endswith("ERROR second")


def test_a_line_of_the_server_has_its_level_once() -> None:
    program = "import logging, zoldyq.server.log as log; handler = log.set_up_logging('info'); "
    program += "logging.getLogger('zoldyq').info('hello'); handler.finish(10)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert re.fullmatch(r"[\d-]+ [\d:,]+ INFO hello\n", done.stderr)


def test_an_exception_is_written_with_its_traceback(pipe: Pipe) -> None:
    try:
        raise ValueError("why")
    except ValueError:
        pipe.log.exception("broken")
    pipe.handler.finish(10)
    assert "ValueError: why" in pipe.read()


def test_a_pipe_that_no_one_reads_holds_up_no_one(pipe: Pipe) -> None:
    fcntl.fcntl(pipe.read_end, fcntl.F_SETPIPE_SZ, 4096)
    for number in range(100):
        pipe.log.warning("%d %s", number, "x" * 1000)
    wait_until(lambda: pipe.handler.dropped > 50)
    text = ""
    while "records were dropped" not in text:
        text += pipe.read()
    assert "WARNING 0 " in text


def test_a_log_that_is_closed_harms_no_one(pipe: Pipe) -> None:
    os.close(pipe.handler._descriptor)
    pipe.log.warning("lost")
    pipe.handler.finish(10)
    assert pipe.handler.dropped >= 1


def test_the_end_does_not_wait_for_a_write_that_blocks(pipe: Pipe) -> None:
    fcntl.fcntl(pipe.read_end, fcntl.F_SETPIPE_SZ, 4096)
    for _ in range(100):
        pipe.log.warning("x" * 1000)
    pipe.handler.finish(0.05)
    assert pipe.handler._thread.is_alive()
