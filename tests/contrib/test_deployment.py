"""The files for monitoring and deployment: read by the tools they are for, true to the server."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.contract.servers import ServerProcess, start

CONTRIB = Path(__file__).parents[2] / "contrib"
_METRIC = re.compile(r"zoldyq_[a-z_]+")
_HISTOGRAM_SERIES = re.compile(r"(_seconds)_(?:bucket|count|sum)$")


def tool(name: str) -> str:
    """Return where a program is, or skip the test."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def check(*command: str | Path) -> str:
    """Run a checker and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def load(name: str) -> list[dict[str, Any]]:
    """Return the documents of a YAML file."""
    return list(yaml.safe_load_all((CONTRIB / name).read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = start("native", tmp_path_factory.mktemp("server"), drain_seconds=0)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def metrics(running: ServerProcess) -> str:
    requests.post(f"{running.url}/queues/q/enqueue", json={"payload": 1}, timeout=10)
    return requests.get(f"{running.url}/metrics", timeout=10).text


class TestPrometheus:
    def test_its_configuration_and_rules_are_valid(self, tmp_path: Path) -> None:
        folder = shutil.copytree(CONTRIB / "prometheus", tmp_path / "prometheus")
        configuration = (folder / "prometheus.yml").read_text(encoding="utf-8")
        inside = configuration.replace("/etc/prometheus/", f"{folder}/")
        (folder / "prometheus.yml").write_text(inside, encoding="utf-8")
        (folder / "zoldyq-token").write_text("none", encoding="utf-8")
        check(tool("promtool"), "check", "config", folder / "prometheus.yml")

    def test_the_alerts_go_off_when_they_should(self) -> None:
        check(tool("promtool"), "test", "rules", CONTRIB / "prometheus/alerts_test.yml")

    def test_every_alert_has_a_test(self) -> None:
        (rules,) = load("prometheus/alerts.yml")
        tested = (CONTRIB / "prometheus/alerts_test.yml").read_text(encoding="utf-8")
        names = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
        assert names
        assert [name for name in names if f"alertname: {name}\n" not in tested] == []

    def test_the_metrics_of_the_server_are_well_formed(self, metrics: str) -> None:
        subprocess.run(
            [tool("promtool"), "check", "metrics"], input=metrics, text=True, timeout=50, check=True
        )


@pytest.mark.parametrize("name", ["prometheus/alerts.yml", "grafana/dashboard.json"])
def test_what_is_asked_for_is_what_the_server_tells(name: str, metrics: str) -> None:
    told = {_HISTOGRAM_SERIES.sub(r"\1", found) for found in _METRIC.findall(metrics)}
    text = (CONTRIB / name).read_text(encoding="utf-8")
    asked = {_HISTOGRAM_SERIES.sub(r"\1", found) for found in _METRIC.findall(text)}
    assert asked
    assert asked - told == set()


def test_the_panels_of_the_grafana_dashboard_all_ask_for_something() -> None:
    dashboard = json.loads((CONTRIB / "grafana/dashboard.json").read_text(encoding="utf-8"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 0
    assert all(panel["title"] and panel["targets"] for panel in panels)


def test_the_systemd_unit_is_valid_and_hardened(tmp_path: Path) -> None:
    verify = tool("systemd-analyze")
    unit = (CONTRIB / "systemd/zoldyq.service").read_text(encoding="utf-8")
    # What it starts is installed on no machine that only runs the tests.
    runnable = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", unit)
    (tmp_path / "zoldyq.service").write_text(runnable, encoding="utf-8")
    check(verify, "verify", "--man=no", tmp_path / "zoldyq.service")
    report = check(verify, "security", "--offline=true", tmp_path / "zoldyq.service")
    exposure = re.search(r"Overall exposure level for zoldyq\.service: (\S+)", report)
    assert exposure is not None, report
    assert float(exposure[1]) < 2.5


def by_kind(kind: str) -> dict[str, Any]:
    """Return the Kubernetes object of a kind."""
    (found,) = [each for each in load("kubernetes/zoldyq.yaml") if each["kind"] == kind]
    return found


class TestKubernetes:
    def test_there_is_one_pod_at_a_time(self) -> None:
        deployment = by_kind("Deployment")
        assert deployment["spec"]["replicas"] == 1
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}

    def test_its_probes_ask_for_what_the_server_answers(self, running: ServerProcess) -> None:
        deployment = by_kind("Deployment")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = container[kind]["httpGet"]["path"]
            assert requests.get(running.url + path, timeout=10).status_code == 200
        assert container["resources"]["limits"]["memory"]

    def test_the_service_finds_the_pod(self) -> None:
        labels = by_kind("Deployment")["spec"]["template"]["metadata"]["labels"]
        assert by_kind("Service")["spec"]["selector"].items() <= labels.items()


def test_the_monitoring_compose_file_mounts_what_is_there() -> None:
    (compose,) = load("docker-compose.monitoring.yml")
    mounts = [
        volume.split(":")[0]
        for service in compose["services"].values()
        for volume in service["volumes"]
        if volume.startswith("./")
    ]
    assert mounts
    assert [mount for mount in mounts if not (CONTRIB / mount).exists()] == []
