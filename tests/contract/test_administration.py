from __future__ import annotations

import pytest

from tests.contract.raw import Api
from tests.helpers import wait_until
from zoldyq.contract.policy import Policy
from zoldyq.contract.statistics import FIGURES

STATISTICS = {figure.name for figure in FIGURES}

#: The policy of a queue that was created without one.
DEFAULTS = Policy().document()


def test_one_queue_tells_its_statistics(api: Api, queue: str) -> None:
    api.put(f"/queues/{queue}", {"capacity": 8})
    api.enqueue(queue, "a", "bc")
    api.get(f"/queues/{queue}/dequeue")
    response = api.get(f"/queues/{queue}")
    assert response.status == 200
    assert response.headers["cache-control"] == "no-store"
    document = response.json()
    assert set(document) == {"queue_name", *STATISTICS}
    assert document["queue_name"] == queue
    assert (document["size"], document["capacity"], document["utilization"]) == (1, 8, 0.125)
    assert (document["enqueued_total"], document["dequeued_total"]) == (2, 1)
    assert document["bytes"] > len('"bc"')
    assert 0 < document["oldest_age_seconds"] < 60


def test_all_queues_are_listed(api: Api, queue: str) -> None:
    api.enqueue(queue, 1)
    response = api.get("/queues")
    assert response.status == 200
    assert response.headers["cache-control"] == "no-store"
    document = response.json()
    assert set(document) == {"total_queues", "queues"}
    assert document["total_queues"] == len(document["queues"])
    assert set(document["queues"][queue]) == STATISTICS


def test_a_queue_is_created_once(api: Api, queue: str) -> None:
    created = api.put(f"/queues/{queue}", {"capacity": 7})
    assert created.status == 201
    assert created.headers["cache-control"] == "no-store"
    assert created.json() == {"created": True, "queue_name": queue, **DEFAULTS, "capacity": 7}
    again = api.put(f"/queues/{queue}", {"capacity": 7})
    assert (again.status, again.json()["created"]) == (200, False)
    other = api.put(f"/queues/{queue}", {"capacity": 8})
    assert (other.status, other.code) == (409, "queue_exists")
    document = other.json()
    assert (document["differs"], document["capacity"]) == (["capacity"], 7)
    assert document["queue_name"] == queue


def test_a_queue_is_created_with_the_defaults(api: Api, queue: str) -> None:
    created = api.put(f"/queues/{queue}", {})
    assert created.status == 201
    assert set(created.json()) == {"created", "queue_name", *DEFAULTS}


def test_a_policy_is_changed_at_once(api: Api, queue: str) -> None:
    assert api.request("PATCH", f"/queues/{queue}", {"capacity": 2}).code == "queue_not_found"
    api.enqueue(queue, 1, 2, 3)
    changed = api.request("PATCH", f"/queues/{queue}", {"capacity": 2, "overflow": "drop_oldest"})
    assert changed.status == 200
    assert changed.headers["cache-control"] == "no-store"
    policy = {**DEFAULTS, "capacity": 2, "overflow": "drop_oldest"}
    assert changed.json() == {"changed": True, "queue_name": queue, **policy}
    same = api.request("PATCH", f"/queues/{queue}", {})
    assert same.json() == {"changed": False, "queue_name": queue, **policy}
    stats = api.stats(queue)
    assert {name: stats[name] for name in policy} == policy
    assert (stats["size"], stats["overflow_dropped_total"]) == (2, 1)
    assert api.post(f"/queues/{queue}/enqueue", {"payload": 4}).json()["dropped"] == 1
    assert api.drain(queue) == [3, 4]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"max_bytes": 1}, "invalid_policy"),
        (b'{"max_bytes":1%s}' % (b"0" * 400), "invalid_policy"),
        (b'{"ttl_seconds":1%s}' % (b"0" * 400), "invalid_policy"),
        ({"ttl_seconds": "60"}, "invalid_policy"),
        ({"overflow": "drop_newest"}, "invalid_policy"),
        ({"idle_seconds": 0}, "invalid_policy"),
        ({"capacity": 5, "color": "red"}, "unknown_field"),
        (b'{"capacity":5,"capacity":6}', "unknown_field"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_wrong_policy_changes_nothing(
    api: Api, queue: str, method: str, body: object, code: str
) -> None:
    if method == "PATCH":
        api.put(f"/queues/{queue}", {"capacity": 3})
    response = api.request(method, f"/queues/{queue}", body)
    assert (response.status, response.code) == (400, code)
    assert api.stats(queue).get("capacity") == (3 if method == "PATCH" else None)


def test_an_expired_message_comes_out_nowhere(api: Api, queue: str) -> None:
    assert api.post(f"/queues/{queue}/enqueue?ttl=0.2", {"payloads": [1, 2]}).status == 200
    assert api.post(f"/queues/{queue}/enqueue", {"payload": 3}).status == 200
    wait_until(lambda: api.get(f"/queues/{queue}/peek?count=9").json()["count"] == 1)
    stats = api.stats(queue)
    assert (stats["size"], stats["expired_total"]) == (1, 2)
    assert api.drain(queue) == [3]


@pytest.mark.parametrize("ttl", ["0", "-1", "x", "nan", "2678401"])
def test_a_wrong_lifetime_is_refused(api: Api, queue: str, ttl: str) -> None:
    response = api.post(f"/queues/{queue}/enqueue?ttl={ttl}", {"payload": 1})
    assert (response.status, response.code) == (400, "invalid_ttl")


def test_a_queue_is_bounded_in_bytes(api: Api, queue: str) -> None:
    api.put(f"/queues/{queue}", {"max_bytes": 1024})
    api.enqueue(queue, "x" * 800)
    full = api.post(f"/queues/{queue}/enqueue", {"payload": "x" * 100})
    assert (full.status, full.code) == (429, "queue_full")
    assert (full.json()["queue_bytes"], full.json()["queue_max_bytes"]) == (898, 1024)
    large = api.post(f"/queues/{queue}/enqueue", {"payload": "x" * 1000})
    assert (large.status, large.code) == (413, "message_too_large")
    batch = api.post(f"/queues/{queue}/enqueue", {"payloads": ["x" * 500] * 2})
    assert (batch.status, batch.code) == (422, "batch_exceeds_capacity")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"capacity":0}', "invalid_capacity"),
        (b'{"capacity":-1}', "invalid_capacity"),
        (b'{"capacity":1.5}', "invalid_capacity"),
        (b'{"capacity":"1"}', "invalid_capacity"),
        (b'{"capacity":null}', "invalid_capacity"),
        (b'{"capacity":1000000001}', "invalid_capacity"),
        (b'{"capacity":99999999999999999999}', "invalid_capacity"),
        (b'{"capacity":9%s}' % (b"9" * 400), "invalid_capacity"),
        (b"[]", "invalid_policy"),
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b'{"capacity":1,"ttl":2}', "unknown_field"),
    ],
)
def test_a_queue_needs_a_capacity_that_makes_sense(
    api: Api, queue: str, body: bytes, code: str
) -> None:
    response = api.put(f"/queues/{queue}", body)
    assert (response.status, response.code) == (400, code)
    assert api.get(f"/queues/{queue}").status == 404


def test_a_deleted_queue_is_gone_with_what_was_in_it(api: Api, queue: str) -> None:
    api.enqueue(queue, 1, 2)
    response = api.delete(f"/queues/{queue}")
    assert response.status == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {"deleted": True, "queue_name": queue, "dropped": 2}
    assert api.get(f"/queues/{queue}").status == 404
    assert api.get(f"/queues/{queue}/dequeue").status == 204


def test_a_purge_drops_the_messages_and_keeps_the_queue(api: Api, queue: str) -> None:
    api.enqueue(queue, 1, 2, 3)
    response = api.post(f"/queues/{queue}/purge")
    assert response.status == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {"queue_name": queue, "purged": 3}
    stats = api.stats(queue)
    assert (stats["size"], stats["bytes"], stats["purged_total"]) == (0, 0, 3)
    assert stats["dequeued_total"] == 0


def test_a_peek_takes_nothing(api: Api, queue: str) -> None:
    api.enqueue(queue, "a", "b", "c")
    first = api.get(f"/queues/{queue}/peek")
    assert first.headers["cache-control"] == "no-store"
    assert first.json()["messages"][0]["payload"] == "a"
    assert first.json()["count"] == 1
    document = api.get(f"/queues/{queue}/peek?count=2").json()
    assert [message["payload"] for message in document["messages"]] == ["a", "b"]
    assert (document["queue_name"], document["count"], document["queue_size"]) == (queue, 2, 3)
    lines = api.get(f"/queues/{queue}/peek?count=9", accept="application/x-ndjson")
    assert lines.body == b'"a"\n"b"\n"c"\n'
    assert api.drain(queue) == ["a", "b", "c"]


def test_a_peek_into_an_empty_queue_shows_nothing(api: Api, queue: str) -> None:
    api.put(f"/queues/{queue}", {"capacity": 1})
    assert api.get(f"/queues/{queue}/peek").json()["messages"] == []


@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("DELETE", ""), ("POST", "/purge"), ("GET", "/peek")]
)
def test_a_queue_that_does_not_exist_is_404(api: Api, queue: str, method: str, suffix: str) -> None:
    response = api.request(method, f"/queues/{queue}{suffix}")
    assert (response.status, response.code) == (404, "queue_not_found")
    assert response.json()["queue_name"] == queue
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["", "/peek"])
def test_head_tells_what_get_would(api: Api, queue: str, path: str) -> None:
    api.enqueue(queue, "a")
    get = api.get(f"/queues/{queue}{path}")
    head = api.request("HEAD", f"/queues/{queue}{path}")
    assert head.status == 200
    assert head.headers["content-type"] == get.headers["content-type"]
    assert abs(int(head.headers["content-length"]) - len(get.body)) < 20


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "?capacity=5"),
        ("PATCH", "?capacity=5"),
        ("DELETE", "?if_empty=1"),
        ("POST", "/purge?dry_run=1"),
        ("GET", "?x"),
        ("HEAD", "?x"),
    ],
)
def test_a_parameter_that_means_nothing_is_refused_and_changes_nothing(
    api: Api, queue: str, method: str, path: str
) -> None:
    api.put(f"/queues/{queue}", {"capacity": 3})
    api.enqueue(queue, 1)
    response = api.request(method, f"/queues/{queue}{path}", {})
    assert response.status == 400
    if method != "HEAD":
        assert response.code == "unknown_parameter"
    stats = api.stats(queue)
    assert (stats["capacity"], stats["size"]) == (3, 1)


def test_a_list_of_queues_takes_no_parameters(api: Api) -> None:
    assert api.get("/queues?prefix=a").code == "unknown_parameter"


@pytest.mark.parametrize("path", ["/live", "/health", "/ready", "/metrics", "/openapi.json", "/"])
def test_probes_and_pages_ignore_parameters(api: Api, path: str) -> None:
    assert api.get(f"{path}?x=1").status == 200
