"""Policies of queues as clients see them, on every server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.certificates import SecureAddress
from tests.contract.conftest import Start
from tests.contract.raw import Api, Response
from tests.contract.servers import ServerProcess
from tests.helpers import LIMIT, Task, wait_until
from zoldyq.contract.policy import Policy

#: Seconds within which room is free, and an idle queue is gone, after they are due.
SEEN, GONE = 1.5, 2.0
#: A lifetime that is over soon, in seconds.
SOON = 0.2

FILE = """
[queues.emails]
capacity = 5000

[queues."metrics.*"]
capacity = 1000
ttl_seconds = 60
overflow = "drop_oldest"

[queues."gone.*"]
idle_seconds = 1
"""


def wait_until_expired(queued: Response) -> int:
    """Wait until the lifetime ``SOON`` of messages is over; return when that was, in microseconds.

    The server's clock is that of this machine.
    """
    expiry = int(queued.json()["enqueued_at"]) + round(SOON * 1_000_000)
    wait_until(lambda: time.time_ns() // 1000 >= expiry)
    return expiry


def enqueue(api: Api, queue: str, *payloads: object, query: str = "") -> Response:
    """Enqueue a batch."""
    response = api.post(f"/queues/{queue}/enqueue{query}", {"payloads": payloads})
    assert response.status == 200, response
    return response


# -- lifetimes -------------------------------------------------------------------------------------


def test_a_queue_that_nobody_touched_tells_the_right_size(api: Api, queue: str) -> None:
    api.put(f"/queues/{queue}", {"ttl_seconds": SOON})
    wait_until_expired(enqueue(api, queue, 1, 2, 3))
    stats = api.stats(queue)
    assert (stats["size"], stats["bytes"], stats["oldest_age_seconds"]) == (0, 0, 0)
    assert (stats["expired_total"], stats["dequeued_total"]) == (3, 0)


def test_a_producer_that_waits_gets_the_room_of_what_expired(api: Api, queue: str) -> None:
    """Nothing else is asked meanwhile. One of three is in time, however busy the machine is."""
    api.put(f"/queues/{queue}", {"capacity": 1, "ttl_seconds": SOON})

    def delay() -> float:
        expiry = enqueue(api, queue, 1).json()["enqueued_at"] + SOON * 1_000_000
        accepted = enqueue(api, queue, 2, query="?timeout=30").json()["enqueued_at"]
        return float(accepted - expiry) / 1_000_000

    delays: list[float] = []
    while not delays or min(delays) > SEEN:
        assert len(delays) < 3, delays
        delays.append(delay())
        assert delays[-1] >= 0


FACES: dict[str, Callable[[Api, str], object]] = {
    "dequeue": lambda api, path: api.get(f"{path}/dequeue").status,
    "batch": lambda api, path: api.get(f"{path}/dequeue?count=9").status,
    "post": lambda api, path: api.post(f"{path}/dequeue").status,
    "lines": lambda api, path: api.get(f"{path}/dequeue", accept="application/x-ndjson").status,
    "wait": lambda api, path: api.get(f"{path}/dequeue?timeout=0.05").status,
}


@pytest.mark.parametrize("own", [False, True], ids=["of the queue", "their own"])
@pytest.mark.parametrize("face", FACES)
def test_expired_messages_are_not_handed_out(api: Api, queue: str, face: str, own: bool) -> None:
    api.put(f"/queues/{queue}", {} if own else {"ttl_seconds": SOON})
    wait_until_expired(enqueue(api, queue, 1, 2, query=f"?ttl={SOON}" if own else ""))
    assert FACES[face](api, f"/queues/{queue}") == 204
    assert api.stats(queue)["expired_total"] == 2


def test_expired_messages_are_not_shown_behind_one_that_lives(api: Api, queue: str) -> None:
    enqueue(api, queue, "lives")
    wait_until_expired(enqueue(api, queue, "dead", query=f"?ttl={SOON}"))
    enqueue(api, queue, "lives, too")
    shown = api.get(f"/queues/{queue}/peek?count=9").json()["messages"]
    assert [message["payload"] for message in shown] == ["lives", "lives, too"]
    assert api.stats(queue)["size"] == 3  # it keeps its place until it comes to the head
    assert api.drain(queue) == ["lives", "lives, too"]


@pytest.mark.parametrize("kind", ["native", "gunicorn"], indirect=True)
@pytest.mark.parametrize("query", ["", "?count=5", "?credit=5"])
def test_expired_messages_are_not_streamed(server: ServerProcess, queue: str, query: str) -> None:
    api, url = Api(server.address), server.url.replace("http", "ws") + f"/queues/{queue}"
    with connect(f"{url}/enqueue?ttl={SOON}") as producer:
        producer.send('{"payload": "dead"}')
        queued = json.loads(producer.recv(LIMIT))
    expiry = queued["enqueued_at"] + round(SOON * 1_000_000)
    wait_until(lambda: time.time_ns() // 1000 >= expiry)
    with connect(f"{url}/dequeue{query}") as consumer:
        enqueue(api, queue, "lives")
        document = json.loads(consumer.recv(LIMIT))
    assert document.get("messages", [document])[0]["payload"] == "lives"
    assert api.stats(queue)["expired_total"] == 1


# -- PUT and PATCH ---------------------------------------------------------------------------------


def test_a_queue_that_has_the_fields_given_is_there_already(api: Api, queue: str) -> None:
    given = {"ttl_seconds": 60, "overflow": "drop_oldest"}
    assert api.put(f"/queues/{queue}", given).status == 201
    for again in ({}, {"ttl_seconds": 60}, given, {**given, "max_bytes": None}):
        assert api.put(f"/queues/{queue}", again).status == 200
    differs = api.put(f"/queues/{queue}", {**given, "ttl_seconds": 5, "idle_seconds": 9})
    assert (differs.status, differs.code) == (409, "queue_exists")
    present: dict[str, Any] = Policy(ttl_seconds=60, overflow="drop_oldest").document()
    document = differs.json()
    assert document["differs"] == ["ttl_seconds", "idle_seconds"]
    assert {name: document[name] for name in present} == present


@pytest.mark.parametrize("change", [{"capacity": 3}, {"overflow": "drop_oldest"}], ids=str)
def test_a_change_admits_producers_that_wait(
    api: Api, queue: str, change: dict[str, object]
) -> None:
    api.put(f"/queues/{queue}", {"capacity": 2})
    enqueue(api, queue, 1, 2)
    waits = Task(lambda: enqueue(api, queue, 3, query="?timeout=60"))
    wait_until(lambda: api.stats(queue)["waiting_producers"] == 1)
    assert api.request("PATCH", f"/queues/{queue}", change).status == 200
    dropped = waits.result().json().get("dropped", 0)
    assert dropped == (0 if "capacity" in change else 1)
    assert api.drain(queue) == [1, 2, 3][dropped:]


def test_a_change_of_the_lifetime_holds_for_what_is_queued_and_brings_nothing_back(
    api: Api, queue: str
) -> None:
    wait_until_expired(enqueue(api, queue, 1, 2))
    api.request("PATCH", f"/queues/{queue}", {"ttl_seconds": SOON})
    assert api.request("PATCH", f"/queues/{queue}", {"ttl_seconds": None}).json()["changed"]
    stats = api.stats(queue)
    assert (stats["size"], stats["expired_total"]) == (0, 2)


@pytest.mark.parametrize("overflow", ["reject", "drop_oldest"])
def test_what_never_fits_into_the_bytes_is_told_apart(api: Api, queue: str, overflow: str) -> None:
    api.put(f"/queues/{queue}", {"max_bytes": 1024, "overflow": overflow})
    enqueue(api, queue, 1)
    one = api.post(f"/queues/{queue}/enqueue", {"payload": "x" * 1000})
    assert (one.status, one.code) == (413, "message_too_large")
    many = api.post(f"/queues/{queue}/enqueue", {"payloads": ["x" * 500] * 2})
    assert (many.status, many.code) == (422, "batch_exceeds_capacity")
    assert api.drain(queue) == [1]


# -- idle queues, declared queues, queues that are not created on demand ---------------------------


def test_an_idle_queue_goes_and_looking_does_not_keep_it(api: Api, queue: str) -> None:
    """A consumer that waits keeps the other one. Within 2 s of being due, one time of three."""
    api.put(f"/queues/{queue}-kept", {"idle_seconds": 1})
    over = threading.Event()

    def wait_for_messages() -> None:
        while not over.is_set():
            api.get(f"/queues/{queue}-kept/dequeue?timeout=1")

    consumer = Task(wait_for_messages)
    delays: list[float] = []
    while not delays or min(delays) > 1 + GONE:
        assert len(delays) < 3, delays
        created = api.put(f"/queues/{queue}", {"idle_seconds": 1})
        began = time.monotonic()
        assert created.status == 201
        wait_until(lambda: not api.stats(queue))
        delays.append(time.monotonic() - began)
        assert delays[-1] > 0.5
    assert api.stats(f"{queue}-kept")
    over.set()
    consumer.result()


@pytest.mark.parametrize("kind", ["native", "gunicorn"], indirect=True)
def test_the_open_session_of_a_producer_does_not_keep_an_idle_queue(
    server: ServerProcess, queue: str
) -> None:
    api = Api(server.address)
    api.put(f"/queues/{queue}", {"idle_seconds": 1})
    with connect(f"{server.url.replace('http', 'ws')}/queues/{queue}/enqueue"):
        wait_until(lambda: not api.stats(queue))


@pytest.fixture
def declared(kind: str, run_server: Start, tmp_path: Path) -> ServerProcess:
    """A server with declared queues, which creates no others on demand."""
    file = tmp_path / "zoldyq.toml"
    file.write_text(FILE)
    return run_server(kind, config=file, auto_create="false", drain_seconds=0)


def test_what_the_file_declares_is_there_and_the_rest_is_not(
    declared: ServerProcess, kind: str
) -> None:
    api = Api(declared.address)
    assert list(api.get("/queues").json()["queues"]) == ["emails"]
    for method, path in (("POST", "enqueue"), ("GET", "dequeue?timeout=60")):
        body = {"payload": 1} if method == "POST" else None
        response = api.request(method, f"/queues/metrics.cpu/{path}", body)
        assert (response.status, response.code) == (404, "queue_not_found")
    assert api.get("/queues/metrics.cpu/dequeue").status == 204
    if kind != "waitress":
        url = declared.url.replace("http", "ws") + "/queues/metrics.cpu"
        address = declared.address
        tls = {"ssl": address.context} if isinstance(address, SecureAddress) else {}
        with pytest.raises(InvalidStatus) as refusal, connect(f"{url}/dequeue", **tls):
            pass
        assert refusal.value.response.status_code == 404
        with connect(f"{url}/enqueue", **tls) as producer:
            producer.send('{"payload": 1}')
            assert json.loads(producer.recv(LIMIT))["error"] == "queue_not_found"
    assert list(api.get("/queues").json()["queues"]) == ["emails"]


def test_put_creates_what_the_file_says_each_time(declared: ServerProcess) -> None:
    api = Api(declared.address)
    metrics = Policy(capacity=1000, ttl_seconds=60, overflow="drop_oldest").document()
    for _ in range(2):
        created = api.put("/queues/metrics.cpu", {})
        assert (created.status, created.json()) == (
            201,
            {"created": True, "queue_name": "metrics.cpu", **metrics},
        )
        assert api.delete("/queues/metrics.cpu").status == 200
    other = api.put("/queues/metrics.cpu", {"capacity": 7}).json()
    assert (other["capacity"], other["ttl_seconds"]) == (7, 60)
    assert api.delete("/queues/emails").status == 200
    assert api.put("/queues/emails", {}).json()["capacity"] == 5000


@pytest.mark.parametrize(
    "mistake",
    [
        "[queues.a]\ncapacty = 1\n",
        "[queues.a]\nttl_seconds = 0\n",
        "[queues.'a b']\n",
        "max_queues = 1\n[queues.a]\n[queues.b]\n",
    ],
)
@pytest.mark.parametrize("kind", ["native", "waitress"], indirect=True)
def test_a_mistake_in_the_file_is_one_line_and_exit_code_2(
    kind: str, run_server: Start, tmp_path: Path, mistake: str
) -> None:
    file = tmp_path / "zoldyq.toml"
    file.write_text(mistake)
    server = run_server(kind, config=file, ready=False)
    assert server.exit_code() == 2
    (line,) = server.log.read_text().splitlines()
    assert line.startswith("zoldyq: ")


def test_a_longer_lifetime_revives_nothing(api: Api, queue: str) -> None:
    api.put(f"/queues/{queue}", {"ttl_seconds": 0.05})
    api.enqueue(queue, 1, 2)
    wait_until(lambda: api.stats(queue)["expired_total"] == 2)
    response = api.request("PATCH", f"/queues/{queue}", {"ttl_seconds": 60})
    assert response.status == 200
    assert api.stats(queue)["expired_total"] == 2
    assert api.get(f"/queues/{queue}/dequeue").status == 204
