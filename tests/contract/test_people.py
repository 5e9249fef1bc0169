"""What the dashboard asks for beside the statistics: history, clients and settings."""

from __future__ import annotations

import json
from collections.abc import Callable

from websockets.sync.client import connect

from tests.contract.conftest import Start
from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.contract.test_rights import bearer, guarded
from tests.helpers import Task, wait_until
from zoldyq.config import SETTINGS

__all__ = ["guarded"]


def test_the_history_of_a_queue_has_a_sample_at_once(api: Api, queue: str) -> None:
    assert api.get(f"/queues/{queue}/history").code == "queue_not_found"
    api.enqueue(queue, 1, 2)
    document = api.get(f"/queues/{queue}/history").json()
    assert document["queue_name"] == queue
    assert document["samples"]["size"][-1] in (0, 2)
    assert {len(column) for column in document["samples"].values()} == {len(document["at"])}
    assert set(document["server"]["samples"]) >= {"enqueue_p50", "dequeue_p99"}


def test_a_consumer_that_waits_is_listed_with_its_address(
    api: Api, server: ServerProcess, queue: str
) -> None:
    consumer = Task(lambda: api.get(f"/queues/{queue}/dequeue?timeout=20").status)
    wait_until(lambda: api.get(f"/queues/{queue}/clients").json()["clients"])
    (client,) = api.get(f"/queues/{queue}/clients").json()["clients"]
    assert client["kind"] == "dequeue"
    assert client["address"].startswith("127.0.0.1:")
    assert 0 <= client["seconds"] < 60
    api.enqueue(queue, 1)
    assert consumer.result() == 200
    wait_until(lambda: api.get(f"/queues/{queue}/clients").json()["total_clients"] == 0)


def test_a_stream_is_listed_while_it_is_open(
    shared: Callable[[str], ServerProcess], queue: str
) -> None:
    native = Api(shared("native").address)
    host, port = native.address
    with connect(f"ws://{host}:{port}/queues/{queue}/dequeue"):
        wait_until(lambda: native.get(f"/queues/{queue}/clients").json()["total_clients"] == 1)
        (client,) = native.get(f"/queues/{queue}/clients").json()["clients"]
        assert client["kind"] == "stream_out"
    wait_until(lambda: native.get(f"/queues/{queue}/clients").json()["total_clients"] == 0)


def test_addresses_are_for_those_who_may_manage_the_queue(guarded: Api, queue: str) -> None:
    consumer = Task(lambda: guarded.get(f"/queues/{queue}/dequeue?timeout=20", **bearer("consume")))
    path = f"/queues/{queue}/clients"
    wait_until(lambda: guarded.get(path, **bearer("observe")).json()["clients"])
    assert guarded.get(path, **bearer("observe")).json()["clients"][0]["address"] is None
    assert guarded.get(path, **bearer("all")).json()["clients"][0]["address"]
    guarded.post(f"/queues/{queue}/enqueue", {"payload": 1}, **bearer("all"))
    consumer.result()


def test_every_setting_is_told_and_no_secret(start_server: Start) -> None:
    api = Api(start_server("native", token="open-sesame").address, **bearer("open-sesame"))
    response = api.get("/settings")
    assert b"sesame" not in response.body
    told = {each["name"]: each for each in json.loads(response.body)["settings"]}
    assert set(told) == {each.name for each in SETTINGS}
    assert (told["tokens"]["secret"], told["backend"]["secret"]) == (True, False)
    assert told["backend"]["value"] == "memory", "a default is no secret"
    assert told["tokens"]["value"] is told["tokens"]["default"] is None
    assert (told["max_queues"]["value"], told["max_queues"]["default"]) == ("100", "100")
    assert Api(api.address).get("/settings").status == 401
