"""The Kubernetes manifest."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.certificates import shared_certificate
from tests.contract.raw import Api
from tests.contract.servers import ROOT, ServerProcess
from tests.contract.test_rights import bearer, entry
from tests.contrib.programs import CONTRIB
from zoldyq.config import Settings

TEXT = (CONTRIB / "kubernetes" / "zoldyq.yaml").read_text(encoding="utf-8")
DEPLOYMENT, SERVICE = yaml.safe_load_all(TEXT)
POD: dict[str, Any] = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
ENVIRON: dict[str, str] = {each["name"]: each["value"] for each in CONTAINER["env"]}


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
        assert CONTAINER[probe]["httpGet"] == {"path": "/live", "port": "https", "scheme": "HTTPS"}


def test_the_server_understands_its_environment() -> None:
    settings = Settings.load(environ=ENVIRON)
    assert Settings.environment_warnings(ENVIRON) == ()
    # Without this, Kubernetes would set ZOLDYQ_PORT.
    assert POD["enableServiceLinks"] is False
    assert POD["terminationGracePeriodSeconds"] > settings.drain_seconds + 10
    gibibytes = int(CONTAINER["resources"]["limits"]["memory"].removesuffix("Gi"))
    assert gibibytes << 30 > 1.5 * settings.max_bytes


def secret_of(file: str) -> str:
    """The secret that a file of the container comes from."""
    (mount,) = [
        each for each in CONTAINER["volumeMounts"] if each["mountPath"] == str(Path(file).parent)
    ]
    assert "subPath" not in mount  # such a file would never change
    (volume,) = [each for each in POD["volumes"] if each["name"] == mount["name"]]
    assert "optional" not in volume["secret"]
    # The user of the image can read it as a member of this group, and nobody else can.
    assert volume["secret"]["defaultMode"] == 0o440
    assert POD["securityContext"]["fsGroup"] > 0
    return str(volume["secret"]["secretName"])


def test_it_does_not_start_open_to_all_or_in_plain_text() -> None:
    tokens = Path(ENVIRON["ZOLDYQ_TOKENS_FILE"])
    named = f"secret generic {secret_of(str(tokens))} --from-file={tokens.name}"
    assert named in TEXT
    # A secret of the kind kubernetes.io/tls has two files of these names.
    for variable, name in (("ZOLDYQ_TLS_CERT", "tls.crt"), ("ZOLDYQ_TLS_KEY", "tls.key")):
        assert Path(ENVIRON[variable]).name == name
        assert f"secret tls {secret_of(ENVIRON[variable])} " in TEXT


def test_a_server_with_these_variables_answers_the_probes_and_asks_for_a_token(
    tmp_path: Path, start_server: Callable[..., ServerProcess]
) -> None:
    """The files are where the secrets would be mounted, but for the folder at the root."""
    environ = {
        name.removeprefix("ZOLDYQ_").lower(): value.replace("/etc/zoldyq", str(tmp_path))
        for name, value in ENVIRON.items()
    }
    tokens = Path(environ["tokens_file"])
    for folder in (tokens.parent, Path(environ["tls_cert"]).parent):
        folder.mkdir()
    tokens.write_text(entry("app", ["produce", "consume"]))
    shutil.copy(shared_certificate().with_suffix(".crt"), environ["tls_cert"])
    shutil.copy(shared_certificate().with_suffix(".key"), environ["tls_key"])
    server = start_server(**environ)
    api = Api(server.address)
    probe = CONTAINER["livenessProbe"]["httpGet"]
    assert server.url.startswith(f"{probe['scheme'].lower()}://")
    assert api.get(probe["path"]).status == 200
    assert api.get("/queues/a/dequeue").status == 401
    assert api.get("/queues/a/dequeue", **bearer("app")).status == 204


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
