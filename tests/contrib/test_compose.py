"""The Compose file that adds Prometheus and Grafana."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from tests.certificates import shared_certificate
from tests.cli.runner import zoldyq
from tests.contract.servers import ServerProcess
from tests.contract.test_rights import entry
from tests.contrib.programs import CONTRIB
from zoldyq.config import SETTINGS


def load(name: str) -> Any:
    return yaml.safe_load((CONTRIB / name).read_text(encoding="utf-8"))


COMPOSE = load("docker-compose.monitoring.yml")
PROMETHEUS, GRAFANA = COMPOSE["services"]["prometheus"], COMPOSE["services"]["grafana"]


def mounts(service: dict[str, Any]) -> dict[PurePosixPath, str]:
    """What a container sees, by the path there."""
    parts = [volume.split(":") for volume in service["volumes"]]
    return {PurePosixPath(inside): outside for outside, inside, *_ in parts}


def test_it_adds_to_the_file_of_the_server() -> None:
    services = load("docker-compose.yml")["services"]
    assert set(services).isdisjoint(COMPOSE["services"])
    assert set(PROMETHEUS["depends_on"]) <= set(services)
    # Docker checks its health as the image says, and asks more often here.
    assert "healthcheck" in services["zoldyq"]


def test_every_file_that_is_mounted_is_there() -> None:
    for service in COMPOSE["services"].values():
        for outside in mounts(service).values():
            assert outside in COMPOSE["volumes"] or (CONTRIB / outside).exists(), outside


def test_only_this_machine_reaches_it() -> None:
    for service in COMPOSE["services"].values():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:")


def test_prometheus_finds_its_files_and_the_server() -> None:
    seen = mounts(PROMETHEUS)
    (path,) = [flag.split("=")[1] for flag in PROMETHEUS["command"] if "config.file" in flag]
    config = PurePosixPath(path)
    assert seen[config] == "./prometheus/prometheus.yml"
    written = load("prometheus/prometheus.yml")
    assert [seen[config.parent / name] for name in written["rule_files"]] == [
        "./prometheus/alerts.yml"
    ]
    (job,) = written["scrape_configs"]
    (given,) = PROMETHEUS["configs"]
    token = config.parent / job["authorization"]["credentials_file"]
    assert str(token) == given["target"]
    assert given["source"] in COMPOSE["configs"]
    (server,) = load("docker-compose.yml")["services"]
    assert job["static_configs"] == [{"targets": [f"{server}:9000"]}]


def test_grafana_finds_prometheus_and_the_dashboard() -> None:
    seen = mounts(GRAFANA)
    assert seen[PurePosixPath("/etc/grafana/provisioning")] == "./grafana/provisioning"
    (source,) = load("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = load("grafana/provisioning/dashboards/zoldyq.yml")["providers"]
    home = PurePosixPath(GRAFANA["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert seen[home] == "./grafana/dashboard.json"
    assert PurePosixPath(provider["options"]["path"]) == home.parent


def test_the_file_for_tls_sets_only_what_the_server_knows_from_the_folder_it_mounts() -> None:
    service = load("docker-compose.tls.yml")["services"]["zoldyq"]
    known = {each.variable for each in SETTINGS}
    for variable, path in service["environment"].items():
        assert variable in known
        assert PurePosixPath(path).parent == PurePosixPath("/secrets")
    assert [volume.endswith(":/secrets:ro") for volume in service["volumes"]] == [True]
    # The image's own check follows the variables; see tests/cli/test_health.py.
    assert "healthcheck" not in service


def test_a_server_with_the_variables_for_tls_passes_the_health_check_of_the_image(
    tmp_path: Path, start_server: Callable[..., ServerProcess]
) -> None:
    """The files are where the folder would be mounted."""
    both = [load(f"docker-compose{name}.yml")["services"]["zoldyq"] for name in ("", ".tls")]
    given = {**both[0]["environment"], **both[1]["environment"]}
    environ = {
        name: value.replace("/secrets", str(tmp_path)) for name, value in given.items() if value
    }
    Path(environ["ZOLDYQ_TOKENS_FILE"]).write_text(entry("app", ["produce"]))
    shutil.copy(shared_certificate().with_suffix(".crt"), environ["ZOLDYQ_TLS_CERT"])
    shutil.copy(shared_certificate().with_suffix(".key"), environ["ZOLDYQ_TLS_KEY"])
    settings = {name.removeprefix("ZOLDYQ_").lower(): value for name, value in environ.items()}
    server = start_server(**settings)
    check = zoldyq("", "health", "--own", env={**environ, "ZOLDYQ_PORT": str(server.port)})
    assert (check.returncode, check.stdout) == (0, "alive\n"), check.stderr
