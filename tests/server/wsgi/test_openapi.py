"""The OpenAPI document says what the server does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.server.wsgi.client import call
from zoldyq import __version__
from zoldyq.config import Settings
from zoldyq.contract.routes import ROUTES
from zoldyq.server.wsgi.app import ZoldyQApp, create_app


@pytest.fixture
def app() -> ZoldyQApp:
    return create_app(Settings(max_count=77, max_batch=66, max_timeout=12))


@pytest.fixture
def document(app: ZoldyQApp) -> Any:
    return call(app, "GET", "/openapi.json").document()


def test_it_is_of_this_version_with_these_limits(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == __version__
    dequeue = document["paths"]["/queues/{name}/dequeue"]["get"]
    maxima = {each["name"]: each["schema"]["maximum"] for each in dequeue["parameters"]}
    assert maxima == {"timeout": 12, "count": 77}
    _, many = document["components"]["schemas"]["Enqueue"]["oneOf"]
    assert many["properties"]["payloads"]["maxItems"] == 66


def test_every_path_takes_exactly_the_methods_that_it_names(app: ZoldyQApp, document: Any) -> None:
    for path, item in document["paths"].items():
        named = {method.upper() for method in item if method != "parameters"}
        allow = call(app, "OPTIONS", path.replace("{name}", "a")).headers["allow"].split(", ")
        assert named == set(allow) - {"HEAD", "OPTIONS"}, path


def test_every_route_is_in_it_but_for_the_files_of_the_dashboard(document: Any) -> None:
    paths = {route.path for route in ROUTES}
    assert {path for path in paths if not path.startswith("/ui/")} == set(document["paths"])


def test_every_reference_leads_somewhere(document: Any) -> None:
    schemas = document["components"]["schemas"]
    references = [part.partition('"')[0] for part in json.dumps(document).split('"$ref": "')[1:]]
    assert references
    assert {name.rpartition("/")[2] for name in references} == set(schemas)


def test_replies_have_the_members_that_it_demands(app: ZoldyQApp, document: Any) -> None:
    schemas = document["components"]["schemas"]

    def check(schema: str, method: str, target: str, body: bytes = b"") -> Any:
        reply = call(app, method, target, body).document()
        assert set(schemas[schema]["required"]) <= set(reply) <= set(schemas[schema]["properties"])
        return reply

    check("Created", "PUT", "/queues/a", b'{"capacity": 5}')
    check("Enqueued", "POST", "/queues/a/enqueue", b'{"payload": 1}')
    check("Enqueued", "POST", "/queues/a/enqueue", b'{"payloads": [1, 2]}')
    check("Messages", "GET", "/queues/a/peek?count=2")
    check("Message", "GET", "/queues/a/dequeue")
    check("Messages", "GET", "/queues/a/dequeue?count=1")
    check("Queue", "GET", "/queues/a")
    health = check("Health", "GET", "/health")
    assert set(health["queues"]["a"]) == set(schemas["QueueStats"]["required"])
    check("Queues", "GET", "/queues")
    check("Ready", "GET", "/ready")
    check("Purged", "POST", "/queues/a/purge")
    check("Deleted", "DELETE", "/queues/a")
