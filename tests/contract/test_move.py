"""Moving messages to another queue, on every server."""

from __future__ import annotations

import pytest

from tests.contract.raw import Api
from tests.helpers import Task, wait_until


@pytest.fixture(autouse=True)
def _not_in_a_cluster(kind: str) -> None:
    if kind == "redis-cluster":
        pytest.skip("queues of a Cluster lie on different servers: nothing can be moved")


@pytest.fixture
def to(queue: str) -> str:
    return f"{queue}-to"


def test_all_messages_go_to_the_end_of_the_other_queue_in_order(
    api: Api, queue: str, to: str
) -> None:
    api.enqueue(to, "earlier")
    api.enqueue(queue, 1, 2.50, "é")
    response = api.post(f"/queues/{queue}/move?to={to}")
    assert response.status == 200, response
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {"queue_name": queue, "to": to, "moved": 3, "left": 0}
    assert api.drain(to) == ["earlier", 1, 2.5, "é"]
    stats = api.stats(queue)
    assert (stats["size"], stats["bytes"], stats["dequeued_total"]) == (0, 0, 3)
    assert api.stats(to)["enqueued_total"] == 4


def test_no_more_than_asked_for_are_moved_and_time_stamps_stay(
    api: Api, queue: str, to: str
) -> None:
    api.enqueue(queue, *range(5))
    before = api.get(f"/queues/{queue}/peek?count=2").json()["messages"]
    moved = api.post(f"/queues/{queue}/move?to={to}&count=2").json()
    assert (moved["moved"], moved["left"]) == (2, 3)
    assert api.get(f"/queues/{to}/peek?count=2").json()["messages"] == before
    assert api.drain(queue) == [2, 3, 4]


def test_as_many_are_moved_as_there_is_room_for(api: Api, queue: str, to: str) -> None:
    api.put(f"/queues/{to}", {"capacity": 3})
    api.enqueue(to, "first")
    api.enqueue(queue, *range(5))
    moved = api.post(f"/queues/{queue}/move?to={to}").json()
    assert (moved["moved"], moved["left"]) == (2, 3)
    assert api.post(f"/queues/{queue}/move?to={to}").json()["moved"] == 0
    assert (api.drain(to), api.drain(queue)) == (["first", 0, 1], [2, 3, 4])


def test_a_bound_in_bytes_is_room_as_well(api: Api, queue: str, to: str) -> None:
    assert api.put(f"/queues/{to}", {"max_bytes": 10_000}).status == 201
    api.enqueue(queue, *["x" * 4_000] * 3)
    assert api.post(f"/queues/{queue}/move?to={to}").json()["moved"] == 2
    assert api.stats(to)["bytes"] == api.stats(queue)["bytes"] * 2 > 0


def test_a_queue_that_drops_its_oldest_drops_none_for_a_move(api: Api, queue: str, to: str) -> None:
    api.put(f"/queues/{to}", {"capacity": 2, "overflow": "drop_oldest"})
    api.enqueue(to, "kept")
    api.enqueue(queue, 1, 2)
    assert api.post(f"/queues/{queue}/move?to={to}").json()["moved"] == 1
    assert (api.drain(to), api.drain(queue)) == (["kept", 1], [2])


def test_lifetimes_are_kept(api: Api, queue: str, to: str) -> None:
    api.post(f"/queues/{queue}/enqueue?ttl=600", {"payload": "long"})
    api.post(f"/queues/{queue}/enqueue?ttl=0.3", {"payload": "short"})
    api.enqueue(queue, "endless")
    assert api.post(f"/queues/{queue}/move?to={to}").json()["moved"] == 3
    first = api.post(f"/queues/{to}/dequeue").json()
    assert first["payload"] == "long"
    wait_until(lambda: api.stats(to)["expired_total"] == 1)
    assert api.drain(to) == ["endless"]


def test_a_consumer_that_waits_gets_what_is_moved(api: Api, queue: str, to: str) -> None:
    api.put(f"/queues/{to}", {})
    waiting = Task(lambda: api.get(f"/queues/{to}/dequeue?timeout=30"))
    wait_until(lambda: api.stats(to)["waiting_consumers"] == 1)
    api.enqueue(queue, "for you", "for later")
    assert api.post(f"/queues/{queue}/move?to={to}").json()["moved"] == 2
    assert waiting.result().json()["payload"] == "for you"
    assert api.drain(to) == ["for later"]


def test_a_producer_that_waits_gets_the_room(api: Api, queue: str, to: str) -> None:
    api.put(f"/queues/{queue}", {"capacity": 1})
    api.enqueue(queue, 1)
    waiting = Task(lambda: api.post(f"/queues/{queue}/enqueue?timeout=30", {"payload": 2}))
    wait_until(lambda: api.stats(queue)["waiting_producers"] == 1)
    assert api.post(f"/queues/{queue}/move?to={to}&count=1").json()["moved"] == 1
    assert waiting.result().status == 200
    assert (api.drain(to), api.drain(queue)) == ([1], [2])


def test_many_messages_are_moved_in_order(api: Api, queue: str, to: str) -> None:
    api.enqueue(queue, *range(5_000))
    assert api.post(f"/queues/{queue}/move?to={to}").json()["moved"] == 5_000
    assert api.drain(to) == list(range(5_000))


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("", (400, "invalid_queue_name")),
        ("?to={queue}", (409, "invalid_move")),
        ("?to=a%2Fb", (400, "invalid_queue_name")),
        ("?to={to}&count=0", (400, "invalid_count")),
        ("?to={to}&count=x", (400, "invalid_count")),
        ("?to={to}&force=1", (400, "unknown_parameter")),
        ("?to={to}", (404, "queue_not_found")),
    ],
)
def test_what_cannot_be_moved_is_refused_and_creates_nothing(
    api: Api, queue: str, to: str, query: str, refusal: tuple[int, str]
) -> None:
    response = api.post(f"/queues/{queue}/move{query.format(queue=queue, to=to)}")
    assert (response.status, response.code) == refusal
    assert api.stats(to) == {}
