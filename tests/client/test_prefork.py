"""A web application under a server that loads it once and forks workers."""

from __future__ import annotations

import os
import re
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.contract.servers import ROOT, ServerProcess
from tests.helpers import run_all, wait_until
from zoldyq.client import Client

pytest.importorskip("gunicorn")

WORKERS = 3
HITS = 60


def test_workers_of_gunicorn_use_a_client_and_a_producer_made_before_the_fork(
    start_server, tmp_path: Path
) -> None:
    server = start_server(max_queues=100)
    command = [
        sys.executable, "-m", "gunicorn", "--preload", "--workers", str(WORKERS),
        "--bind", "127.0.0.1:0", "--chdir", str(ROOT), "--no-control-socket",
        "tests.client.prefork_app:app",
    ]  # fmt: skip
    web = ServerProcess(command, tmp_path, {"url": server.url})
    try:
        port = int(web.wait_for(web.log, re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)"))[1])
        wait_until(lambda: web.log.read_text().count("Booting worker") == WORKERS)

        def visit(visitor: int) -> None:
            for hit in range(HITS):
                url = f"http://127.0.0.1:{port}/{visitor}/{hit}"
                with urllib.request.urlopen(url, timeout=30) as reply:
                    assert reply.status == 200

        run_all([lambda number=number: visit(number) for number in range(4)], 60)
    finally:
        assert web.stop() == 0, web.log.read_text()
    with Client(server.url) as client:
        hits = [message.payload for message in client.queue("hits").dequeue_many(10_000)]
    assert hits.count("of the parent") == 1
    paths = sorted(hit["path"] for hit in hits if isinstance(hit, dict))
    assert paths == sorted(f"/{visitor}/{hit}" for visitor in range(4) for hit in range(HITS))
    assert len({hit["pid"] for hit in hits if isinstance(hit, dict)} - {os.getpid()}) > 1
