"""SIGHUP: a server reads its files again, each by itself."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.contract.conftest import Start
from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.contract.test_rights import bearer, entry
from tests.helpers import wait_until
from zoldyq.contract.routes import Right


def said(server: ServerProcess, text: str) -> str:
    """Wait until the log has a line with this text, and return the line."""
    wait_until(lambda: text in server.log.read_text())
    return next(line for line in server.log.read_text().splitlines() if text in line)


@pytest.mark.parametrize("kind", ["native", "redis"])
def test_policies_of_new_queues_are_read_again_and_a_broken_file_keeps_them(
    run_server: Start, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "zoldyq.toml"
    file.write_text("default_queue_capacity = 5\n[queues.old]\n")
    server = run_server(kind, config=file, drain_seconds=0)
    api = Api(server.address)
    assert api.stats("old")["capacity"] == 5
    file.write_text("default_queue_capacity = 7\n[queues.old]\n[queues.late]\ncapacity = 9\n")
    server.signal(signal.SIGHUP)
    line = said(server, "policies of new queues were read again")
    assert line.endswith(": changed are default_queue_capacity, [queues.late]")
    api.enqueue("new", 1)
    capacities = [api.stats(name)["capacity"] for name in ("old", "new", "late")]
    assert capacities == [5, 7, 9]
    file.write_text("default_queue_capacity = 'many'\n")
    server.signal(signal.SIGHUP)
    line = said(server, "policies of new queues stay as they were")
    assert "default_queue_capacity" in line
    assert str(file) in line
    api.enqueue("newer", 1)
    assert api.stats("newer")["capacity"] == 7


def test_a_mistake_in_one_file_does_not_stop_the_others(run_server: Start, tmp_path: Path) -> None:
    tokens, config = tmp_path / "tokens.toml", tmp_path / "zoldyq.toml"
    tokens.write_text(entry("old", Right))
    tokens.chmod(0o600)
    config.write_text("default_queue_capacity = 5\n")
    server = run_server("native", config=config, tokens_file=tokens, drain_seconds=0)
    tokens.write_text("[[token")
    config.write_text("default_queue_capacity = 6\n")
    server.signal(signal.SIGHUP)
    said(server, "tokens stay as they were")
    said(server, "changed are default_queue_capacity")
    config.write_text("[queues")
    tokens.write_text(entry("new", Right))
    server.signal(signal.SIGHUP)
    said(server, "policies of new queues stay as they were")
    said(server, "tokens were read again")
    api = Api(server.address)
    assert api.get("/queues", **bearer("old")).status == 401
    assert api.get("/queues", **bearer("new")).status == 200
