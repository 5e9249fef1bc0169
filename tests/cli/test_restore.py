"""``zoldyq restore``."""

from __future__ import annotations

import json

import pytest

from tests.cli.runner import in_shell, zoldyq

LINES = '{"payload": 1.10, "queue_name": "a", "enqueued_at": 5}\n\n{"payload":{"b":"é"}}\n'


@pytest.mark.parametrize("where", ["file", "standard input"])
def test_messages_are_queued_as_they_were(server, queue, tmp_path, where):
    file = tmp_path / "dump"
    file.write_text(LINES)
    args = (str(file),) if where == "file" else ()
    done = zoldyq(server.url, "restore", queue.name, *args, stdin=LINES)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"queued 2 messages in {queue.name}\n"
    assert [message.raw for message in queue.dequeue_many(9)] == [b"1.10", '{"b":"é"}'.encode()]


def test_json_for_scripts(server, queue):
    done = zoldyq(server.url, "restore", queue.name, "--json", stdin=LINES)
    assert json.loads(done.stdout) == {"queue_name": queue.name, "count": 2, "dropped": 0}


@pytest.mark.parametrize("line", ["5", "{}", "{bad", '["payload"]'])
def test_a_line_of_something_else_is_told_by_its_number(server, queue, line):
    done = zoldyq(server.url, "restore", queue.name, stdin=LINES + line + "\n" + LINES)
    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert first == "zoldyq: 2 messages queued before this:"
    assert second.startswith("zoldyq: line 4 is no line of zoldyq dump: ")
    assert queue.stats().size == 2


def test_a_closed_standard_input_is_told_of(server):
    done = in_shell(server.url, "zoldyq restore q <&-")
    assert done.returncode == 2
    assert b"standard input is closed: name a file" in done.stderr
