"""A command takes only what it can write: real pipes, full devices and closed outputs."""

from __future__ import annotations

import json
import signal
import sys

import pytest

from tests.cli.runner import in_shell, start
from tests.contract.servers import start as start_kind
from tests.helpers import wait_until
from zoldyq.client import Client

#: Takes one line to its last byte, and not a byte more.
ONE_LINE = "(IFS= read -r line; echo $line)"

TAKING = ["dequeue {q}", "dequeue {q} --count 5", "dequeue {q} --timeout 5", "tail {q}", "dump {q}"]


def left(queue) -> list[int]:
    return [message.payload for message in queue.dequeue_many(1_000)]


@pytest.mark.parametrize("command", TAKING)
def test_what_a_full_device_does_not_take_goes_back(server, queue, command):
    queue.enqueue_many(range(10))
    done = in_shell(server.url, f"zoldyq {command.format(q=queue.name)} >/dev/full")
    assert done.returncode == 1
    first, second = done.stderr.decode().splitlines()
    assert f"could not be written, and went back to {queue.name}" in first
    assert second == "zoldyq: cannot write to standard output: No space left on device"
    assert left(queue) == list(range(10))


@pytest.mark.parametrize("command", TAKING)
def test_nothing_is_taken_for_a_closed_output(server, queue, command):
    queue.enqueue_many(range(10))
    done = in_shell(server.url, f"zoldyq {command.format(q=queue.name)} >&-")
    assert done.returncode == 1
    assert done.stderr == b"zoldyq: cannot write to standard output: it is closed\n"
    assert left(queue) == list(range(10))
    assert queue.stats().put_back_total == 0


@pytest.mark.parametrize("command", TAKING)
def test_nothing_is_taken_for_a_reader_that_is_gone(server, queue, command):
    queue.enqueue_many(range(10))
    # The command starts when its reader has ended.
    script = f"(sleep 0.3; zoldyq {command.format(q=queue.name)}; echo $? >&2) | true"
    assert in_shell(server.url, script).stderr == b"1\n"
    assert left(queue) == list(range(10))


@pytest.mark.parametrize("reader", ["head -1", ONE_LINE])
@pytest.mark.parametrize("end", ["", "--count 10"])
def test_a_reader_of_one_line_gets_one_message(server, queue, reader, end):
    queue.enqueue_many(range(10))
    done = in_shell(
        server.url, f"zoldyq tail {queue.name} {end} | {reader}; exit ${{PIPESTATUS[0]}}"
    )
    assert (done.returncode, done.stdout) == (1, b"0\n")
    assert left(queue) == list(range(1, 10))


@pytest.mark.parametrize("command", ["tail {q} --credit 20", "dequeue {q} --count 10", "dump {q}"])
def test_what_a_reader_leaves_in_the_pipe_goes_back(server, queue, command):
    queue.enqueue_many(range(10))
    # One line and a byte: half a line is not a message.
    reader = f'{sys.executable} -c "import os, time; time.sleep(0.5); print(os.read(0, 3))"'
    if command.startswith("dump"):
        reader = "(IFS= read -r line)"
    script = f"zoldyq {command.format(q=queue.name)} | {reader}; exit ${{PIPESTATUS[0]}}"
    done = in_shell(server.url, script)
    # A reader that has seen enough is no news to a person.
    assert (done.returncode, done.stderr) == (1, b"")
    assert left(queue) == list(range(1, 10))


@pytest.mark.parametrize("command", ["dequeue", "dump"])
def test_a_program_may_read_after_the_command_has_ended(server, queue, command):
    queue.enqueue(1)
    process = start(server.url, command, queue.name)
    assert process.wait(20) == 0
    assert process.communicate()[0].strip() != ""


def test_tail_ends_with_its_reader_though_no_message_comes(server, queue):
    queue.create(10)
    process = start(server.url, "tail", queue.name)
    wait_until(lambda: queue.stats().waiting_consumers == 1)
    process.stdout.close()
    assert process.wait(20) == 1
    process.stdin.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert queue.stats().waiting_consumers == 0


def test_a_slow_reader_is_waited_for_and_the_rest_stays_in_the_queue(server, queue):
    queue.enqueue_many(range(10))
    process = start(server.url, "tail", queue.name)
    wait_until(lambda: queue.stats().size == 9)
    # The first message is in the pipe, and nobody reads it: the second is not taken.
    assert queue.stats().dequeued_total == 1
    assert process.stdout.readline() == "0\n"
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert [int(line) for line in rest.split()] + left(queue) == list(range(1, 10))


def test_without_websockets_what_cannot_be_written_is_told(tmp_path):
    server = start_kind("waitress", tmp_path, drain_seconds=0)
    try:
        with Client(server.url) as client:
            client.queue("a").enqueue_many([1, 2])
            done = in_shell(server.url, "zoldyq dequeue a --count 5 >/dev/full")
            assert done.returncode == 1
            told = [line for line in done.stderr.decode().splitlines() if "not written: " in line]
            documents = [json.loads(line.partition("not written: ")[2]) for line in told]
            assert [document["payload"] for document in documents] == [1, 2]
            client.queue("a").enqueue(3)
            assert in_shell(server.url, "zoldyq dequeue a").stdout == b"3\n"
    finally:
        server.stop()


def test_a_dump_is_restored_in_order(server, queue, client, tmp_path):
    queue.enqueue_many(range(1_000))
    first = queue.peek()[0].enqueued_at
    copy = client.queue(f"{queue.name}-copy")
    done = in_shell(server.url, f"zoldyq dump {queue.name} > {tmp_path}/dump")
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.decode() == f"zoldyq: 1,000 messages of {queue.name} written\n"
    line = json.loads((tmp_path / "dump").read_text().splitlines()[0])
    assert line == {"payload": 0, "queue_name": queue.name, "enqueued_at": first}
    assert queue.stats().size == 0
    done = in_shell(server.url, f"zoldyq restore {copy.name} {tmp_path}/dump")
    assert done.returncode == 0
    assert left(copy) == list(range(1_000))


def test_a_dump_may_leave_the_messages_where_they_are(server, queue):
    queue.enqueue_many(range(5))
    done = in_shell(server.url, f"zoldyq dump {queue.name} --keep")
    assert [json.loads(line)["payload"] for line in done.stdout.splitlines()] == list(range(5))
    assert left(queue) == list(range(5))


def test_a_copy_that_is_not_whole_is_told(start_server):
    server = start_server(max_count=3)
    with Client(server.url) as client:
        client.queue("a").enqueue_many(range(5))
    done = in_shell(server.url, "zoldyq dump a --keep")
    assert len(done.stdout.splitlines()) == 3
    assert b"the server shows no more than 3 messages of 5" in done.stderr


def test_a_dump_of_nothing(server, queue):
    assert in_shell(server.url, f"zoldyq dump {queue.name}").returncode == 1
    queue.create(1)
    done = in_shell(server.url, f"zoldyq dump {queue.name}")
    assert (done.returncode, done.stdout) == (0, b"")
