"""The Compose file and the Kubernetes manifest with several servers and a Redis."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.contract.test_rights import bearer, entry
from tests.contrib.programs import CONTRIB
from tests.engine.servers import RedisServer, needs_redis
from zoldyq.config import Settings

COMPOSE: dict[str, Any] = yaml.safe_load(
    (CONTRIB / "docker-compose.redis.yml").read_text(encoding="utf-8")
)
SERVICES: dict[str, Any] = dict(COMPOSE["services"])
REDIS = SERVICES.pop("redis")
MANIFEST = list(
    yaml.safe_load_all((CONTRIB / "kubernetes" / "zoldyq-redis.yaml").read_text(encoding="utf-8"))
)
KINDS = {(each["kind"], each["metadata"]["name"]): each for each in MANIFEST}
DEPLOYMENT = KINDS["Deployment", "zoldyq"]
POD: dict[str, Any] = DEPLOYMENT["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
STATEFUL = KINDS["StatefulSet", "zoldyq-redis"]
(REDIS_CONTAINER,) = STATEFUL["spec"]["template"]["spec"]["containers"]


def options(words: list[str]) -> list[str]:
    """The options of a server for Redis, without its password."""
    at = words.index("--maxmemory")
    return words[at:]


def environ() -> dict[str, str]:
    """The variables of the container."""
    return {each["name"]: each["value"] for each in CONTAINER["env"]}


def without_files() -> dict[str, str]:
    """Those that name no file, as there is none here."""
    return {name: value for name, value in environ().items() if not value.startswith("/")}


def test_three_servers_share_one_redis() -> None:
    assert len(SERVICES) == DEPLOYMENT["spec"]["replicas"] == 3
    for service in SERVICES.values():
        assert urlsplit(service["environment"]["ZOLDYQ_BACKEND"]).hostname == "redis"
        assert service["depends_on"]["redis"] == {"condition": "service_healthy"}
    ports = [port for service in SERVICES.values() for port in service["ports"]]
    assert len(set(ports)) == 3
    assert all(port.startswith("127.0.0.1:") and port.endswith(":9000") for port in ports)


def test_what_servers_share_is_the_same_for_all() -> None:
    first, *others = (service["environment"] for service in SERVICES.values())
    assert all(other == first for other in others)


def test_the_servers_understand_their_variables() -> None:
    compose = {
        name: value
        for name, value in SERVICES["zoldyq-1"]["environment"].items()
        if value is not None
    }
    kubernetes = {name: value for name, value in environ().items() if name != "ZOLDYQ_TOKENS_FILE"}
    for given in (compose, kubernetes):
        assert Settings.environment_warnings(given) == ()
        assert Settings.load(environ=given).backend.startswith("redis://")


def test_redis_keeps_messages_and_deletes_no_queue() -> None:
    for words in (options(REDIS["command"]), options(REDIS_CONTAINER["args"])):
        given = dict(zip(words[::2], words[1::2], strict=True))
        assert given["--maxmemory-policy"] == "noeviction"
        assert given["--appendonly"] == "yes"
    assert REDIS["volumes"] == ["redis:/data"]
    assert "redis" in COMPOSE["volumes"]
    (claim,) = STATEFUL["spec"]["volumeClaimTemplates"]
    (mount,) = REDIS_CONTAINER["volumeMounts"]
    assert mount["name"] == claim["metadata"]["name"]


def test_a_rollout_starts_a_server_before_it_stops_one() -> None:
    assert DEPLOYMENT["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    (pause,) = {int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][-1].split()[-1])}
    settings = Settings.load(environ=without_files())
    assert POD["terminationGracePeriodSeconds"] > pause + settings.drain_seconds + 5
    for service in SERVICES.values():
        assert int(service["stop_grace_period"].removesuffix("s")) > settings.drain_seconds + 5


def test_the_password_of_redis_is_that_of_the_servers() -> None:
    (volume,) = [each for each in POD["volumes"] if each["name"] == "redis"]
    (variable,) = REDIS_CONTAINER["env"]
    secret = variable["valueFrom"]["secretKeyRef"]
    assert volume["secret"]["secretName"] == secret["name"]
    folder, _, name = environ()["ZOLDYQ_REDIS_PASSWORD_FILE"].rpartition("/")
    assert name == secret["key"]
    assert folder in [mount["mountPath"] for mount in CONTAINER["volumeMounts"]]


def test_the_services_find_their_pods() -> None:
    for name, workload in (("zoldyq", DEPLOYMENT), ("zoldyq-redis", STATEFUL)):
        service = KINDS["Service", name]
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()
        assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()
        (port,) = service["spec"]["ports"]
        (container,) = workload["spec"]["template"]["spec"]["containers"]
        assert port["targetPort"] in [each["name"] for each in container["ports"]]
    assert urlsplit(environ()["ZOLDYQ_BACKEND"]).hostname == "zoldyq-redis"


def test_probes_cut_off_no_client_of_a_server_without_redis() -> None:
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert CONTAINER[probe]["httpGet"] == {"path": "/live", "port": "http"}
    startup = CONTAINER["startupProbe"]
    settings = Settings.load(environ=without_files())
    assert startup["periodSeconds"] * startup["failureThreshold"] > settings.redis_start_seconds


@needs_redis
def test_servers_with_these_options_share_queues_and_ask_for_a_token(
    tmp_path: Path, start_server: Callable[..., ServerProcess]
) -> None:
    words = options(REDIS_CONTAINER["args"])
    redis = RedisServer(tmp_path / "redis", *words, "--requirepass", "secret", password="secret")
    tokens = tmp_path / "tokens.toml"
    tokens.write_text(entry("app", ["produce", "consume"]))
    given = {name.removeprefix("ZOLDYQ_").lower(): value for name, value in environ().items()}
    given["backend"] = given["backend"].replace("zoldyq-redis:6379", f"127.0.0.1:{redis.port}")
    given["tokens_file"] = str(tokens)
    password = tmp_path / "password"
    password.write_text("secret")
    password.chmod(0o440)
    given["redis_password_file"] = str(password)
    try:
        one, other = (Api(start_server(**given).address, **bearer("app")) for _ in range(2))
        assert Api(one.address).get("/queues/a/dequeue").status == 401
        assert one.get(CONTAINER["livenessProbe"]["httpGet"]["path"]).status == 200
        one.enqueue("a", 1)
        assert other.post("/queues/a/dequeue").json()["payload"] == 1
    finally:
        redis.stop()
