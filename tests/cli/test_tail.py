"""``zoldyq tail``."""

from __future__ import annotations

import json
import signal

import pytest

from tests.cli.runner import start, zoldyq
from tests.helpers import wait_until
from zoldyq.client import Client


def test_messages_are_printed_as_they_come(server, queue):
    queue.enqueue("early")
    process = start(server.url, "tail", queue.name)
    assert process.stdout.readline() == '"early"\n'
    queue.enqueue("late")
    assert process.stdout.readline() == '"late"\n'
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


def test_it_ends_after_so_many_and_takes_no_more(server, queue):
    queue.enqueue_many(range(10))
    done = zoldyq(server.url, "tail", queue.name, "--count", "4", "--credit", "100", "--json")
    assert done.returncode == 0
    assert [json.loads(line)["payload"] for line in done.stdout.splitlines()] == [0, 1, 2, 3]
    assert queue.stats().size == 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_loses_nothing_that_is_on_its_way(server, queue, number):
    queue.enqueue_many(range(20_000))
    process = start(server.url, "tail", queue.name, "--credit", "500")
    first = process.stdout.readline()
    process.send_signal(number)
    # Not communicate(): it would miss what the first read has buffered.
    printed = (first + process.stdout.read()).split()
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert printed == [str(number) for number in range(len(printed))]
    assert len(printed) + queue.stats().size == 20_000


def test_a_reader_that_goes_away_ends_it_without_a_traceback(server, queue):
    queue.enqueue(0)
    process = start(server.url, "tail", queue.name)
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    queue.enqueue(1)
    assert process.wait(20) == 1
    # What was on its way when the reader went goes back. That is no news to a person.
    assert process.stderr.read() == ""
    assert [message.payload for message in queue.dequeue_many(9)] == [1]
    process.stdin.close()
    process.stderr.close()


def test_it_waits_for_the_return_of_its_server(start_server):
    first = start_server()
    queue = Client(first.url).queue("a")
    queue.create(10)
    process = start(first.url, "tail", "a", "--count", "1")
    wait_until(lambda: queue.stats().waiting_consumers == 1)
    first.stop()
    start_server(port=first.port)
    queue.enqueue(1)
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out, errors) == (0, "1\n", "")
