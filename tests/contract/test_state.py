from __future__ import annotations

import re

import pytest

from tests.contract.raw import Api
from tests.contract.test_administration import STATISTICS
from zoldyq import __version__


def test_health_tells_how_the_queues_are(api: Api, queue: str) -> None:
    api.enqueue(queue, 1, 2)
    api.get(f"/queues/{queue}/dequeue")
    response = api.get("/health")
    assert response.status == 200
    assert response.headers["cache-control"] == "no-store"
    document = response.json()
    assert set(document) == {
        "status",
        "uptime_seconds",
        "version",
        "backend",
        "total_queues",
        "queues",
    }
    assert (document["status"], document["version"]) == ("healthy", __version__)
    assert document["uptime_seconds"] > 0
    assert document["total_queues"] == len(document["queues"])
    assert set(document["queues"][queue]) == STATISTICS
    assert document["queues"][queue]["size"] == 1


def test_ready(api: Api) -> None:
    response = api.get("/ready")
    assert response.status == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {"ready": True}


def test_metrics_agree_with_the_statistics(api: Api, queue: str) -> None:
    api.put(f"/queues/{queue}", {"capacity": 3})
    api.enqueue(queue, 1, 2, 3)
    assert api.post(f"/queues/{queue}/enqueue", {"payload": 4}).status == 429
    api.get(f"/queues/{queue}/dequeue")
    api.post(f"/queues/{queue}/purge")
    api.get(f"/queues/{queue}/dequeue")
    response = api.get("/metrics")
    assert response.status == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"].startswith("text/plain; version=")
    line = re.compile(rf'^(\w+){{queue="{queue}"}} (\S+)$', re.MULTILINE)
    values = dict(line.findall(response.body.decode()))
    assert {name: float(value) for name, value in values.items()} == {
        "zoldyq_queue_size": 0,
        "zoldyq_queue_capacity": 3,
        "zoldyq_queue_bytes": 0,
        "zoldyq_queue_oldest_age_seconds": 0,
        "zoldyq_waiting_consumers": 0,
        "zoldyq_waiting_producers": 0,
        "zoldyq_enqueued_total": 3,
        "zoldyq_dequeued_total": 1,
        "zoldyq_queue_full_total": 1,
        "zoldyq_dequeue_timeout_total": 1,
        "zoldyq_put_back_total": 0,
        "zoldyq_purged_total": 2,
        "zoldyq_expired_total": 0,
        "zoldyq_overflow_dropped_total": 0,
    }


def test_metrics_tell_of_the_server(api: Api) -> None:
    lines = api.get("/metrics").body.decode().splitlines()
    names = {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}
    assert {
        "zoldyq_dropped_total",
        "zoldyq_websocket_sessions",
        "zoldyq_build_info",
        "zoldyq_enqueue_duration_seconds_bucket",
        "zoldyq_enqueue_duration_seconds_sum",
        "zoldyq_enqueue_duration_seconds_count",
        "zoldyq_dequeue_duration_seconds_bucket",
    } <= names
    assert any('waited="true"' in line for line in lines)
    assert any('waited="false"' in line for line in lines)


def test_the_native_server_counts_its_connections(native: Api) -> None:
    def connections() -> int:
        found = re.search(rb"^zoldyq_connections (\S+)$", native.get("/metrics").body, re.MULTILINE)
        assert found is not None
        return int(float(found[1]))

    before = connections()
    with native.wire(), native.wire():
        assert connections() >= before + 1


def test_open_metrics_for_those_who_prefer_it(api: Api) -> None:
    response = api.get("/metrics", accept="application/openmetrics-text; version=1.0.0")
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.body.endswith(b"# EOF\n")


def test_the_openapi_document(api: Api) -> None:
    document = api.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert "/queues/{name}/enqueue" in document["paths"]


def test_the_dashboard(api: Api) -> None:
    response = api.get("/")
    assert response.status == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/openapi.json", "/", "/queues"])
def test_head_has_no_body(api: Api, path: str) -> None:
    with api.wire() as wire:
        assert wire.request("HEAD", path).status == 200
        assert wire.request("GET", "/ready").json() == {"ready": True}


def test_live_tells_nothing_but_that_the_process_lives(api: Api, queue: str) -> None:
    api.enqueue(queue, 1)
    response = api.get("/live")
    assert (response.status, response.body) == (200, b'{"alive":true}')
    assert response.headers["cache-control"] == "no-store"
