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
