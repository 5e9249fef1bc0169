"""Standard streams that are closed, full or gone, and arguments that are not text."""

from __future__ import annotations

import os

import pytest

from tests.cli.runner import in_shell, zoldyq
from zoldyq.cli import stdout

#: Commands whose result is all that they are run for.
LOOKS = ["queues", "stats {queue}", "top --count 1", "profile list", "queues --json"]


@pytest.mark.parametrize("command", LOOKS)
@pytest.mark.parametrize("to", [">/dev/full", ">&-"])
def test_a_result_that_cannot_be_written_is_told_and_fails(server, queue, command, to):
    queue.enqueue(1)
    done = in_shell(server.url, f"zoldyq {command.format(queue=queue.name)} {to}")
    assert done.returncode == 1
    assert done.stderr.startswith(b"zoldyq: cannot write to standard output: ")
    assert done.stderr.count(b"\n") == 1


def test_a_reader_that_has_seen_enough_is_no_news(server, queue):
    script = f"zoldyq stats {queue.name} | true; exit ${{PIPESTATUS[0]}}"
    queue.enqueue(1)
    done = in_shell(server.url, script)
    # It may have been faster than its reader.
    assert done.returncode in (0, 1)
    assert done.stderr == b""


@pytest.mark.parametrize("close", ["<&-", "2>&-", "<&- 2>&-"])
@pytest.mark.parametrize("command", ["enqueue {queue} 2", "purge {queue}", "delete {queue} --yes"])
def test_other_closed_streams_do_no_harm(server, queue, command, close):
    queue.enqueue(1)
    done = in_shell(server.url, f"zoldyq {command.format(queue=queue.name)} {close}")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout


def test_lines_from_a_closed_standard_input_are_wrong_usage(server, queue):
    done = in_shell(server.url, f"zoldyq enqueue {queue.name} <&-")
    assert done.returncode == 2
    assert b"standard input is closed" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        r"enqueue q $'\xff'",
        r"enqueue q --text $'\xff'",
        r"enqueue $'q\xff' 1",
        r"dequeue $'q\xff'",
        r"tail $'q\xff'",
        r"stats $'q\xff'",
        r"delete $'q\xff' --yes",
        r"queues --url $'http://a\xff'",
        r"--token $'\xff' queues",
        r"profile add $'\xff' --url http://127.0.0.1:1",
    ],
)
def test_an_argument_that_is_not_utf8_is_wrong_usage(server, command):
    done = in_shell(server.url, f"zoldyq {command}")
    assert done.returncode == 2
    assert b"is not UTF-8 text" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_variable_that_is_not_utf8_is_wrong_usage(server):
    done = in_shell(server.url, r"ZOLDYQ_TOKEN=$'\xff' zoldyq queues")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


def test_an_encoding_without_dots_gets_two_points(server):
    env = {"PYTHONIOENCODING": "ascii", "COLUMNS": "40"}
    assert zoldyq(server.url, "queues", env=env).returncode == 0


def test_a_pipe_tells_how_much_is_unread(monkeypatch):
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as writer:
        monkeypatch.setattr("sys.stdout", writer)
        stdout.check()
        stdout.write(b"12345")
        assert stdout.unread_bytes() == 6
        reader.read(4)
        assert stdout.unread_bytes() == 2
        reader.close()
        with pytest.raises(stdout.OutputFailed) as caught:
            stdout.check()
        assert caught.value.reader_gone
        assert stdout.unread_bytes() == 2
        with pytest.raises(stdout.OutputFailed):
            stdout.write(b"more")


def test_a_pipe_that_does_not_block_gets_all(monkeypatch):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    text = b"x" * 1_000_000
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "w") as writer:
        monkeypatch.setattr("sys.stdout", writer)
        from tests.helpers import Task

        got = Task(lambda: reader.read(len(text) + 1))
        stdout.write(text)
        assert got.result() == text + b"\n"
