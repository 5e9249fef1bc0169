"""``zoldyq bench``."""

from __future__ import annotations

import json
import signal

import pytest

from tests.cli.runner import Terminal, start, zoldyq
from tests.helpers import wait_until


@pytest.mark.parametrize("batch", [1, 10])
def test_both_ways_are_measured_and_nothing_stays_behind(server, client, batch):
    done = zoldyq(
        server.url, "bench", "--json", "--requests", "200", "--connections", "4",
        "--batch", str(batch),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert list(found) == ["enqueue", "dequeue"]
    for run in found.values():
        assert (run["requests"], run["refused"]) == (200, 0)
        assert run["requests_per_second"] == pytest.approx(200 / run["seconds"], rel=0.01)
        assert run["messages_per_second"] == pytest.approx(
            batch * run["requests_per_second"], rel=0.01
        )
        latency = run["latency_ms"]
        assert 0 < latency["p50"] <= latency["p99"] <= latency["max"] < 1e3 * run["seconds"]
    assert not [name for name in client.queues() if name.startswith("bench-")]


def test_a_given_queue_is_measured_and_is_empty_again(server, queue):
    queue.create(1_000)
    done = zoldyq(server.url, "bench", queue.name, "--json", "--requests", "200")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["dequeue"]["requests"] == 200
    assert (queue.stats().size, queue.stats().enqueued_total) == (0, 200)


def test_a_queue_with_messages_is_not_touched(server, queue):
    queue.enqueue(1)
    done = zoldyq(server.url, "bench", queue.name, "--requests", "10")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has 1 message, which the benchmark would take" in done.stderr
    assert queue.stats().size == 1


def test_a_queue_that_is_not_there_is_told(server, queue):
    assert zoldyq(server.url, "bench", queue.name).returncode == 1


def test_a_duration_takes_the_place_of_a_number(server):
    done = zoldyq(server.url, "bench", "--json", "--duration", "200ms")
    found = json.loads(done.stdout)
    assert found["enqueue"]["seconds"] > 0.1
    assert found["enqueue"]["requests"] == found["dequeue"]["requests"] > 0
    both = zoldyq(server.url, "bench", "--duration", "1s", "--requests", "1")
    assert (both.returncode, "not both" in both.stderr) == (2, True)


@pytest.mark.parametrize("batch", [1, 10])
def test_from_end_to_end_each_message_is_timed(server, client, batch):
    done = zoldyq(
        server.url, "bench", "--end-to-end", "--json", "--requests", "100",
        "--connections", "3", "--batch", str(batch),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)["end to end"]
    assert (found["requests"], found["refused"]) == (100, 0)
    latency = found["latency_ms"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["max"] <= 1e3 * found["seconds"]
    assert not [name for name in client.queues() if name.startswith("bench-")]


def test_a_message_must_have_room_for_its_time(server):
    done = zoldyq(server.url, "bench", "--end-to-end", "--size", "20")
    assert (done.returncode, "21 or more" in done.stderr) == (2, True)


def test_a_table_for_people(server):
    done = zoldyq(server.url, "bench", "--requests", "50", "--connections", "100")
    header, enqueue, dequeue = done.stdout.splitlines()
    assert header.split()[:2] == ["REQUESTS/s", "MESSAGES/s"]
    assert (enqueue.split()[0], dequeue.split()[0]) == ("enqueue", "dequeue")


def test_what_the_server_refuses_is_counted_and_fails(start_server):
    server = start_server(max_bytes=1 << 20, max_body_bytes=1 << 18)
    done = zoldyq(server.url, "bench", "--json", "--requests", "100", "--size", "100000")
    assert done.returncode == 1
    assert 0 < json.loads(done.stdout)["enqueue"]["refused"] < 100


def test_an_interrupt_ends_it_with_what_was_measured(start_server):
    server = start_server()
    process = start(server.url, "bench", "--json", "--requests", "5000000")
    wait_until(lambda: "bench-" in zoldyq(server.url, "queues").stdout)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "")
    assert list(json.loads(out)) == ["enqueue"]
    assert zoldyq(server.url, "queues").stdout == "no queues\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_queue_behind(start_server, number):
    server = start_server()
    process = start(server.url, "bench", "--requests", "5000000")
    wait_until(lambda: "bench-" in zoldyq(server.url, "queues").stdout)
    process.send_signal(number)
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 128 + number
    assert zoldyq(server.url, "queues").stdout == "no queues\n"


def test_a_server_that_dies_in_the_middle_is_one_line(start_server):
    server = start_server()
    process = start(server.url, "bench", "--requests", "5000000")
    wait_until(lambda: "bench-" in zoldyq(server.url, "queues").stdout)
    server.signal(signal.SIGKILL)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, out, errors.count("\n")) == (4, "", 1)


def test_a_token_is_sent(start_server):
    url = start_server(token="t").url
    assert zoldyq(url, "bench", "--requests", "10").returncode == 1
    assert zoldyq(url, "bench", "--requests", "10", "--token", "t").returncode == 0


def test_a_terminal_shows_a_bar(server):
    with Terminal(server.url, "bench", "--requests", "20000") as terminal:
        terminal.wait_for("enqueue [")
        assert terminal.exit_code() == 0
        assert "/s)" in terminal.text
