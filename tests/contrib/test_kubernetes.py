"""The Kubernetes manifest."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.contract.servers import ROOT
from tests.contrib.programs import CONTRIB
from zoldyq.config import Settings

TEXT = (CONTRIB / "kubernetes" / "zoldyq.yaml").read_text(encoding="utf-8")
DEPLOYMENT, SERVICE = yaml.safe_load_all(TEXT)
POD: dict[str, Any] = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def test_there_is_never_more_than_one_process_with_the_queues() -> None:
    assert DEPLOYMENT["apiVersion"] == "apps/v1"
    assert DEPLOYMENT["spec"]["replicas"] == 1
    assert DEPLOYMENT["spec"]["strategy"] == {"type": "Recreate"}


def test_the_service_finds_the_pod() -> None:
    labels = DEPLOYMENT["spec"]["template"]["metadata"]["labels"]
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert SERVICE["spec"]["selector"].items() <= labels.items()
    (port,) = SERVICE["spec"]["ports"]
    (container_port,) = CONTAINER["ports"]
    assert port["targetPort"] == container_port["name"]
    assert container_port["containerPort"] == Settings().port


def test_probes_cut_off_no_consumer_of_a_full_server() -> None:
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert CONTAINER[probe]["httpGet"] == {"path": "/live", "port": "http"}


def test_the_server_understands_its_environment() -> None:
    environ = {each["name"]: each.get("value", "secret") for each in CONTAINER["env"]}
    settings = Settings.load(environ=environ)
    assert Settings.environment_warnings(environ) == ()
    assert settings.tokens == ("secret",)
    # Without this, Kubernetes would set ZOLDYQ_PORT.
    assert POD["enableServiceLinks"] is False
    assert POD["terminationGracePeriodSeconds"] > settings.drain_seconds + 10
    gibibytes = int(CONTAINER["resources"]["limits"]["memory"].removesuffix("Gi"))
    assert gibibytes << 30 > 1.5 * settings.max_bytes


def test_it_does_not_start_open_to_all() -> None:
    (token,) = [each for each in CONTAINER["env"] if each["name"] == "ZOLDYQ_TOKEN"]
    secret = token["valueFrom"]["secretKeyRef"]
    assert "optional" not in secret
    assert f"create secret generic {secret['name']} --from-literal={secret['key']}=" in TEXT


def test_it_runs_the_image_with_as_few_rights_as_it_needs() -> None:
    compose = yaml.safe_load((CONTRIB / "docker-compose.yml").read_text(encoding="utf-8"))
    assert CONTAINER["image"] == compose["services"]["zoldyq"]["image"]
    security = CONTAINER["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert POD["securityContext"]["runAsNonRoot"] is True
    # Kubernetes believes that only of a user given by number.
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert int(re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE)[-1]) > 0
