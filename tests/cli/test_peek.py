"""``zoldyq peek``."""

from __future__ import annotations

import json

from tests.cli.runner import zoldyq


def test_messages_are_shown_and_stay(server, queue):
    receipt = queue.enqueue("a")
    queue.enqueue("b")
    assert zoldyq(server.url, "peek", queue.name).stdout == '"a"\n'
    assert zoldyq(server.url, "peek", queue.name, "--count", "5").stdout == '"a"\n"b"\n'
    line = json.loads(zoldyq(server.url, "peek", queue.name, "--json").stdout)
    assert (line["payload"], line["enqueued_at"]) == ("a", receipt.enqueued_at)
    assert queue.stats().size == 2


def test_an_empty_queue_and_none_have_codes_of_their_own(server, queue):
    assert zoldyq(server.url, "peek", queue.name).returncode == 1
    queue.create(1)
    done = zoldyq(server.url, "peek", queue.name)
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "")
