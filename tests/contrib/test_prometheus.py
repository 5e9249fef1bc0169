"""Prometheus with the shipped files: its alerts, and the dashboard's queries on real figures."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import requests
import yaml

from tests.contract.servers import ServerProcess, start
from tests.contrib.programs import CONTRIB, run, tool
from tests.helpers import LIMIT, wait_until
from zoldyq.client import Client, RemoteQueue

FOLDER = CONTRIB / "prometheus"
DASHBOARD = json.loads((CONTRIB / "grafana" / "dashboard.json").read_text(encoding="utf-8"))
ALERTS = (FOLDER / "alerts.yml").read_text(encoding="utf-8")
TOKEN = "secret"


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


# -- the files ------------------------------------------------------------------------------------


def test_the_configuration_is_valid_as_it_is_shipped() -> None:
    promtool = tool("promtool", "prometheus")
    run(promtool, "check", "config", FOLDER / "prometheus.yml")


def test_the_token_that_is_shipped_is_empty() -> None:
    assert (FOLDER / "zoldyq-token").read_bytes() == b""


def test_every_alert_goes_off_when_it_should_and_not_before() -> None:
    promtool = tool("promtool", "prometheus")
    run(promtool, "check", "rules", FOLDER / "alerts.yml")
    run(promtool, "test", "rules", FOLDER / "alerts_test.yml")


def test_every_alert_is_tested() -> None:
    (group,) = yaml.safe_load(ALERTS)["groups"]
    tests = yaml.safe_load((FOLDER / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    fired = {
        check["alertname"]
        for test in tests
        for check in test["alert_rule_test"]
        if check.get("exp_alerts")
    }
    assert {rule["alert"] for rule in group["rules"]} == fired


# -- Prometheus beside a server -------------------------------------------------------------------


class Prometheus:
    """A Prometheus that runs."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, path: str, **parameters: str) -> Any:
        """What it answers, None while it is not there yet."""
        try:
            reply = requests.get(f"{self._url}/{path}", params=parameters, timeout=LIMIT)
        except requests.ConnectionError:
            return None
        return reply.json()["data"] if reply.status_code == 200 else None

    def values(self, expression: str) -> list[str]:
        """The figures that an expression yields now, one for each series."""
        reply = self.ask("query", query=expression)
        return [] if reply is None else [each["value"][1] for each in reply["result"]]

    def knows(self, expression: str) -> bool:
        """Whether an expression yields anything now."""
        return self.values(expression) != []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that asks for a token."""
    process = start("native", tmp_path_factory.mktemp("server"), token=TOKEN, drain_seconds=0)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def front_ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[ServerProcess]]:
    """Two servers that share their queues in Redis; none where Redis is missing."""
    processes = []
    if shutil.which("redis-server") is not None:
        folders = [tmp_path_factory.mktemp("front-end") for _ in range(2)]
        shared = {"redis_prefix": folders[0].name, "token": TOKEN, "drain_seconds": 0}
        processes = [start("redis", folder, **shared) for folder in folders]
    yield processes
    for process in processes:
        process.stop()


@pytest.fixture(scope="module")
def prometheus(
    server: ServerProcess,
    front_ends: list[ServerProcess],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Prometheus]:
    """A Prometheus that watches it as the files say, but in haste."""
    program = tool("prometheus", "prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "200ms", "evaluation_interval": "200ms"}
    config["scrape_configs"][0]["static_configs"] = [
        {"targets": [f"127.0.0.1:{each.port}" for each in (server, *front_ends)]}
    ]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (folder / "zoldyq-token").write_text(TOKEN)
    shutil.copy(FOLDER / "alerts.yml", folder)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    flags = ("--config.file", folder / "prometheus.yml", "--storage.tsdb.path", folder / "data")
    listen = ("--web.listen-address", f"127.0.0.1:{port}")
    process = ServerProcess([program, *map(str, flags), *listen], folder, {})
    try:
        yield Prometheus(port)
    finally:
        process.stop()


@pytest.fixture
def traffic(server: ServerProcess, prometheus: Prometheus) -> Iterator[RemoteQueue]:
    """The queue where messages came and went while Prometheus looked several times."""
    with Client(server.url, token=TOKEN) as client:
        emails = client.queue("emails")
        # The metrics of bounds are there where bounds are.
        emails.declare(max_bytes=1 << 20, ttl_seconds=600)
        for _ in range(3):
            emails.enqueue_many(range(10))
            emails.dequeue_many(7)
            wait_until(partial(has_caught_up, prometheus, emails))
        yield emails


def has_caught_up(prometheus: Prometheus, queue: RemoteQueue) -> bool:
    stats = queue.stats()
    known = [
        prometheus.values(f'zoldyq_{what}_total{{queue="{queue.name}"}}')
        for what in ("enqueued", "dequeued")
    ]
    return known == [[str(stats.enqueued_total)], [str(stats.dequeued_total)]]


def test_it_gets_the_metrics_with_the_token(
    prometheus: Prometheus, front_ends: list[ServerProcess]
) -> None:
    up = ["1"] * (1 + len(front_ends))
    wait_until(lambda: prometheus.values('up{job="zoldyq"}') == up)


def test_it_evaluates_the_alerts(prometheus: Prometheus) -> None:
    def health() -> list[str]:
        groups = (prometheus.ask("rules") or {"groups": []})["groups"]
        return [rule["health"] for group in groups for rule in group["rules"]]

    wait_until(lambda: health() == ["ok"] * ALERTS.count("- alert:"))


@pytest.mark.usefixtures("traffic")
def test_every_panel_of_the_dashboard_shows_something(
    prometheus: Prometheus, front_ends: list[ServerProcess]
) -> None:
    expressions = [target["expr"] for panel in panels() for target in panel["targets"]]
    assert len(expressions) > 20
    for expression in map(filled_in, expressions):
        if front_ends or "zoldyq_engine" not in expression:
            wait_until(partial(prometheus.knows, expression))


def test_the_dashboard_shows_the_figures_of_the_traffic(
    prometheus: Prometheus, traffic: RemoteQueue
) -> None:
    (queued,) = [
        panel
        for panel in panels()
        if (panel["title"], panel["type"]) == ("Messages queued", "stat")
    ]
    expression = filled_in(queued["targets"][0]["expr"], traffic.name)
    wait_until(lambda: prometheus.values(expression) == [str(traffic.stats().size)])


def test_the_dashboard_counts_queues_that_servers_share_once(
    prometheus: Prometheus, front_ends: list[ServerProcess]
) -> None:
    if not front_ends:
        pytest.skip("redis-server is not installed")
    with Client(front_ends[0].url, token=TOKEN) as client:
        client.queue("shared").enqueue_many(range(7))
    (queued,) = [
        panel
        for panel in panels()
        if (panel["title"], panel["type"]) == ("Messages queued", "stat")
    ]
    expression = filled_in(queued["targets"][0]["expr"], queue="shared")
    wait_until(lambda: len(prometheus.values('zoldyq_queue_size{queue="shared"}')) == 2)
    wait_until(lambda: prometheus.values(expression) == ["7"])


def filled_in(expression: str, queue: str = ".*") -> str:
    """An expression of the dashboard as Grafana asks it, for all servers."""
    for variable, value in (("$__rate_interval", "1m"), ("$instance", ".*"), ("$queue", queue)):
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


@pytest.mark.usefixtures("traffic")
def test_the_metrics_are_well_formed(server: ServerProcess) -> None:
    promtool = tool("promtool", "prometheus")
    reply = requests.get(
        f"{server.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=LIMIT
    )
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=reply.content,
        capture_output=True,
        check=False,
        timeout=LIMIT,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
