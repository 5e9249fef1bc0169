"""``zoldyq dequeue``."""

from __future__ import annotations

import json
import os
import signal
import subprocess

from tests.cli.runner import COMMAND, environment, start, zoldyq
from tests.contract.servers import ROOT
from tests.helpers import wait_until


def test_payloads_are_printed_as_they_were_queued(server, queue):
    queue.enqueue_many_raw(["1.10", '{"a": "é"}', "[1,\n2]"])
    one = zoldyq(server.url, "dequeue", queue.name)
    assert (one.returncode, one.stdout, one.stderr) == (0, "1.10\n", "")
    rest = zoldyq(server.url, "dequeue", queue.name, "--count", "5")
    assert rest.stdout == '{"a": "é"}\n[1, 2]\n'


def test_json_tells_queue_and_time(server, queue):
    receipt = queue.enqueue({"a": 1})
    line = zoldyq(server.url, "dequeue", queue.name, "--json").stdout
    assert json.loads(line) == {
        "payload": {"a": 1},
        "queue_name": queue.name,
        "enqueued_at": receipt.enqueued_at,
    }


def test_nothing_to_take_has_an_exit_code_of_its_own(server, queue):
    for args in ((), ("--timeout", "0.05"), ("--count", "3")):
        done = zoldyq(server.url, "dequeue", queue.name, *args)
        assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


def test_it_waits_for_a_message(server, queue):
    queue.create(10)
    process = start(server.url, "dequeue", queue.name, "--timeout", "20")
    wait_until(lambda: queue.stats().waiting_consumers == 1)
    queue.enqueue("here")
    assert process.communicate(timeout=20) == ('"here"\n', "")
    assert process.returncode == 0


def test_an_interrupt_ends_the_wait_without_a_traceback(server, queue):
    queue.create(10)
    process = start(server.url, "dequeue", queue.name, "--timeout", "60")
    wait_until(lambda: queue.stats().waiting_consumers == 1)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 130


def test_a_pipe_that_is_closed_is_no_traceback(server, queue):
    queue.enqueue_many("x" * 100 for _ in range(2_000))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            [*COMMAND, "dequeue", queue.name, "--count", "2000"],
            stdout=closed,
            stderr=subprocess.PIPE,
            env=environment(server.url),
            cwd=ROOT,
            timeout=30,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")
