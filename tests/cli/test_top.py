"""``zoldyq top``."""

from __future__ import annotations

import json
import signal

import pytest

from tests.cli.runner import Terminal, start, zoldyq
from tests.helpers import wait_until


def test_rates_are_those_between_two_looks(server, queue):
    queue.enqueue_many(range(10))
    process = start(server.url, "top", "--json", "--interval", "0.5", "--count", "2")
    first = json.loads(process.stdout.readline())["queues"][queue.name]
    queue.enqueue_many(range(100))
    queue.dequeue_many(50)
    second = json.loads(process.stdout.readline())["queues"][queue.name]
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert (first["size"], first["enqueued_per_second"]) == (10, 0.0)
    assert second["size"] == 60
    assert 100 / 5 < second["enqueued_per_second"] <= 200
    # Each is rounded to three places, so twice the one may be off by one in the last.
    twice = 2 * second["dequeued_per_second"]
    assert second["enqueued_per_second"] == pytest.approx(twice, abs=0.0021)


def test_without_a_terminal_one_table_follows_the_other(server, queue):
    queue.create(10)
    queue.enqueue_many(range(5))
    done = zoldyq(server.url, "top", "--count", "2", "--interval", "0.1")
    assert done.returncode == 0
    assert done.stdout.count("QUEUE") == 2
    (line, _) = [line for line in done.stdout.splitlines() if line.startswith(f"{queue.name} ")]
    assert "[#####.....]  50%" in line
    assert "\033" not in done.stdout


def test_a_terminal_gets_a_live_table_and_its_old_screen_back(start_server):
    server = start_server()
    zoldyq(server.url, "enqueue", "emails", "1")
    with Terminal(server.url, "top", "--interval", "0.1") as terminal:
        terminal.wait_for("emails")
        terminal.wait_for("1 message in 1 queue")
        zoldyq(server.url, "enqueue", "emails", "2")
        terminal.wait_for("2 messages in 1 queue")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.exit_code() == 0
        assert terminal.text.startswith("\033[?1049h")
        assert terminal.text.endswith("\033[?1049l")
        assert "Traceback" not in terminal.text


LONG = "a" * 64 + "z" * 64


def test_eighty_columns_show_every_figure_beside_a_long_name(start_server):
    server = start_server()
    zoldyq(server.url, "enqueue", LONG, stdin="1\n" * 1234)
    with Terminal(server.url, "top", columns=80) as terminal:
        terminal.wait_for("q quit")
        lines = [line.rstrip() for line in terminal.lines]
        header, row = lines[2:4]
        assert max(map(len, lines)) <= 80
        assert header.split() == [
            "QUEUE", "SIZE", "CAPACITY", "FILLED", "IN/s", "OUT/s", "WAITING", "FULL", "OLDEST"
        ]  # fmt: skip
        name, size, capacity = row.split()[:3]
        assert (name[:3], name[-3:], size, capacity) == ("aaa", "zzz", "1,234", "100,000")
        assert row.endswith("s")
        terminal.type("q")
        assert terminal.exit_code() == 0


def test_rows_that_do_not_fit_are_told(start_server):
    server = start_server()
    for number in range(6):
        zoldyq(server.url, "enqueue", f"q{number}", "1")
    with Terminal(server.url, "top", columns=80, rows=8) as terminal:
        terminal.wait_for("q quit")
        assert "3 more" in [line.strip() for line in terminal.lines]
        terminal.type("q")
        assert terminal.exit_code() == 0


def test_keys_sort(start_server):
    server = start_server()
    zoldyq(server.url, "enqueue", "b-large", stdin="1\n2\n")
    zoldyq(server.url, "enqueue", "a-small", "1")
    with Terminal(server.url, "top", "--interval", "60") as terminal:
        terminal.wait_for("q quit")
        assert terminal.text.index("b-large") < terminal.text.index("a-small")
        shown = len(terminal.text)
        terminal.type("n")
        wait_until(lambda: "q quit" in terminal.text[shown:])
        again = terminal.text[shown:]
        assert again.index("a-small") < again.index("b-large")
        terminal.type("q")
        assert terminal.exit_code() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_gives_the_terminal_back(start_server, number, code):
    server = start_server()
    with Terminal(server.url, "top") as terminal:
        before = terminal.modes
        terminal.wait_for("q quit")
        assert terminal.modes != before
        terminal.process.send_signal(number)
        assert terminal.exit_code() == code
        assert terminal.text.endswith("\033[?1049l")
        assert terminal.modes == before


def test_colours_tell_what_is_full_unless_they_are_not_wanted(start_server):
    server = start_server(default_queue_capacity=1)
    zoldyq(server.url, "enqueue", "a", "1")
    red = "\033[31m"
    with Terminal(server.url, "top", "--count", "1", "--interval", "0.2") as terminal:
        assert terminal.exit_code() == 0
        assert red in terminal.text
    with Terminal(server.url, "top", "--count", "1", "--interval", "0.2", NO_COLOR="1") as terminal:
        assert terminal.exit_code() == 0
        assert red not in terminal.text


def test_it_goes_on_when_the_server_went_away(start_server):
    first = start_server()
    process = start(first.url, "top", "--json", "--interval", "0.1")
    assert json.loads(process.stdout.readline())["status"] == "healthy"
    first.stop()
    while "error" not in (look := json.loads(process.stdout.readline())):
        pass
    assert look["error"] in {"connection_failed", "connection_lost"}
    start_server(port=first.port)
    while "error" in json.loads(process.stdout.readline()):
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


def test_a_server_that_was_never_there_is_told():
    done = zoldyq("http://127.0.0.1:1", "top")
    assert (done.returncode, done.stdout) == (4, "")
