from __future__ import annotations

import json
import time

import pytest

from tests.contract.raw import Api, request_bytes
from tests.helpers import Task, wait_until

NDJSON = "application/x-ndjson"


def test_messages_come_out_in_order(api: Api, queue: str) -> None:
    api.enqueue(queue, "a", "b", "c")
    first = api.get(f"/queues/{queue}/dequeue")
    assert first.status == 200
    assert first.headers["cache-control"] == "no-store"
    document = first.json()
    assert isinstance(document.pop("enqueued_at"), int)
    assert document == {"payload": "a", "queue_name": queue, "queue_size": 2}
    assert api.drain(queue) == ["b", "c"]


def test_the_time_stamp_is_that_of_the_enqueue(api: Api, queue: str) -> None:
    receipt = api.post(f"/queues/{queue}/enqueue", {"payload": 1}).json()
    assert api.get(f"/queues/{queue}/dequeue").json()["enqueued_at"] == receipt["enqueued_at"]


def test_nothing_there_is_204(api: Api, queue: str) -> None:
    api.enqueue(queue, 1)
    api.drain(queue)
    response = api.get(f"/queues/{queue}/dequeue")
    assert response.status == 204
    assert response.headers["cache-control"] == "no-store"
    assert "content-type" not in response.headers
    assert "content-length" not in response.headers


@pytest.mark.parametrize("query", ["", "?timeout=0.05", "?count=5", "?count=5&timeout=0.05"])
def test_a_name_that_nobody_has_used_is_204_and_costs_nothing(
    api: Api, queue: str, query: str
) -> None:
    assert api.get(f"/queues/{queue}/dequeue{query}").status == 204
    assert api.get(f"/queues/{queue}").status == 404


def test_several_messages_at_once(api: Api, queue: str) -> None:
    api.enqueue(queue, *range(5))
    document = api.get(f"/queues/{queue}/dequeue?count=3").json()
    assert [message["payload"] for message in document["messages"]] == [0, 1, 2]
    assert all(set(message) == {"payload", "enqueued_at"} for message in document["messages"])
    assert (document["queue_name"], document["count"], document["queue_size"]) == (queue, 3, 2)
    document = api.get(f"/queues/{queue}/dequeue?count=3&timeout=30").json()
    assert [message["payload"] for message in document["messages"]] == [3, 4]
    assert (document["count"], document["queue_size"]) == (2, 0)


@pytest.mark.parametrize("query", ["", "?count=1"])
@pytest.mark.parametrize("lines", [NDJSON, "application/jsonl"])
def test_lines_for_those_who_accept_them(api: Api, queue: str, query: str, lines: str) -> None:
    api.enqueue(queue, {"n": 1})
    response = api.get(f"/queues/{queue}/dequeue{query}", accept=f"text/html, {lines};q=0.5")
    assert response.headers["content-type"] == lines
    assert response.headers["cache-control"] == "no-store"
    assert [json.loads(line) for line in response.body.splitlines()] == [{"n": 1}]


def test_a_payload_with_line_breaks_stays_on_its_line(api: Api, queue: str) -> None:
    api.post(f"/queues/{queue}/enqueue", b'{"payloads":[{\n"a":\r\n1},2]}')
    response = api.get(f"/queues/{queue}/dequeue?count=2", accept=NDJSON)
    assert [json.loads(line) for line in response.body.splitlines()] == [{"a": 1}, 2]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/*", f"{NDJSON};q=0"])
def test_others_get_a_document(api: Api, queue: str, accept: str) -> None:
    api.enqueue(queue, 1)
    assert api.get(f"/queues/{queue}/dequeue", accept=accept).json()["payload"] == 1


@pytest.mark.parametrize(
    ("target", "parameter"),
    [
        ("dequeue?timeot=3", "timeot"),
        ("dequeue?count=1&count=2", "count"),
        ("dequeue?credit=1", "credit"),
        ("peek?timeout=1", "timeout"),
        ("peek?count=1&x", "x"),
    ],
)
def test_a_parameter_that_means_nothing_is_refused_and_takes_nothing(
    api: Api, queue: str, target: str, parameter: str
) -> None:
    api.enqueue(queue, 1)
    response = api.get(f"/queues/{queue}/{target}")
    assert (response.status, response.code) == (400, "unknown_parameter")
    assert response.json()["parameter"] == parameter
    assert api.drain(queue) == [1]


@pytest.mark.parametrize("count", ["0", "-1", "x", "", "1.5", "10001", "9" * 30, "1_0", "%2B1"])
@pytest.mark.parametrize("verb", ["dequeue", "peek"])
def test_a_count_out_of_range_is_refused(api: Api, queue: str, verb: str, count: str) -> None:
    api.enqueue(queue, 1)
    response = api.get(f"/queues/{queue}/{verb}?count={count}")
    assert (response.status, response.code) == (400, "invalid_count")
    assert (response.json()["minimum"], response.json()["maximum"]) == (1, 10_000)
    assert api.drain(queue) == [1]


@pytest.mark.parametrize("timeout", ["-1", "x", "nan", "inf", "1e9", "", "3601", "1_0", "%2B1"])
def test_a_timeout_out_of_range_is_refused(api: Api, queue: str, timeout: str) -> None:
    api.enqueue(queue, 1)
    response = api.get(f"/queues/{queue}/dequeue?timeout={timeout}")
    assert (response.status, response.code) == (400, "invalid_timeout")
    assert (response.json()["minimum"], response.json()["maximum"]) == (0, 3600)
    assert api.drain(queue) == [1]


def test_head_never_consumes(api: Api, queue: str) -> None:
    api.enqueue(queue, 1)
    response = api.request("HEAD", f"/queues/{queue}/dequeue")
    assert response.status == 405
    assert response.headers["allow"] == "GET, OPTIONS, POST"
    assert api.request("HEAD", f"/queues/{queue}/peek").status == 200
    assert api.drain(queue) == [1]


class TestWaiting:
    @pytest.mark.parametrize("query", ["?timeout=30", "?timeout=30&count=5", "?timeout=3.e1"])
    def test_a_consumer_gets_what_comes(self, api: Api, queue: str, query: str) -> None:
        api.enqueue(queue, 0)
        api.drain(queue)
        waiting = Task(lambda: api.get(f"/queues/{queue}/dequeue{query}"))
        wait_until(lambda: api.stats(queue)["waiting_consumers"] == 1)
        api.enqueue(queue, "late")
        response = waiting.result()
        assert response.status == 200
        assert b'"payload":"late"' in response.body
        stats = api.stats(queue)
        assert (stats["size"], stats["waiting_consumers"]) == (0, 0)

    def test_a_consumer_may_wait_for_a_queue_that_does_not_exist_yet(
        self, api: Api, queue: str
    ) -> None:
        with api.wire() as wire:
            wire.send(
                f"GET /queues/{queue}/dequeue?timeout=30 HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            )
            # It shows nowhere, so ask on the same server until it must have been read.
            for _ in range(20):
                assert api.get(f"/queues/{queue}").status == 404
            api.enqueue(queue, "first")
            assert wire.response().json()["payload"] == "first"

    def test_a_consumer_waits_no_longer_than_it_wants(self, api: Api, queue: str) -> None:
        began = time.monotonic()
        assert api.get(f"/queues/{queue}/dequeue?timeout=0.2").status == 204
        assert time.monotonic() - began >= 0.2

    def test_consumers_are_served_in_the_order_of_their_coming(self, api: Api, queue: str) -> None:
        api.enqueue(queue, 0)
        api.drain(queue)
        waiting = []
        for number in range(5):
            waiting.append(Task(lambda: api.get(f"/queues/{queue}/dequeue?timeout=30")))
            wait_until(lambda n=number: api.stats(queue)["waiting_consumers"] == n + 1)  # type: ignore[misc]
        api.enqueue(queue, *range(5))
        assert [task.result().json()["payload"] for task in waiting] == list(range(5))

    def test_a_time_out_is_counted(self, api: Api, queue: str) -> None:
        api.enqueue(queue, 0)
        api.drain(queue)
        before = api.stats(queue)["dequeue_timeout_total"]
        api.get(f"/queues/{queue}/dequeue?timeout=0.01")
        assert api.stats(queue)["dequeue_timeout_total"] == before + 1

    def test_deleting_the_queue_ends_the_wait(self, api: Api, queue: str) -> None:
        api.enqueue(queue, 0)
        api.drain(queue)
        waiting = Task(lambda: api.get(f"/queues/{queue}/dequeue?timeout=30"))
        wait_until(lambda: api.stats(queue)["waiting_consumers"] == 1)
        api.delete(f"/queues/{queue}")
        assert waiting.result().status == 204


class TestPost:
    """POST takes messages as GET does."""

    def test_one_message_is_taken(self, api: Api, queue: str) -> None:
        api.enqueue(queue, 1, 2)
        response = api.post(f"/queues/{queue}/dequeue")
        assert (response.status, response.json()["payload"]) == (200, 1)
        assert response.headers["cache-control"] == "no-store"
        assert api.drain(queue) == [2]

    def test_several_messages_are_taken(self, api: Api, queue: str) -> None:
        api.enqueue(queue, 1, 2, 3)
        response = api.post(f"/queues/{queue}/dequeue?count=2")
        assert [each["payload"] for each in response.json()["messages"]] == [1, 2]
        assert api.drain(queue) == [3]

    def test_lines_are_sent_if_they_are_accepted(self, api: Api, queue: str) -> None:
        api.enqueue(queue, 1, 2)
        lines = api.post(f"/queues/{queue}/dequeue?count=2", accept="application/x-ndjson")
        assert lines.body == b"1\n2\n"

    def test_nothing_came(self, api: Api, queue: str) -> None:
        assert api.post(f"/queues/{queue}/dequeue").status == 204
        assert api.post(f"/queues/{queue}/dequeue?timeout=0.01").status == 204

    def test_it_waits_for_a_message(self, api: Api, queue: str) -> None:
        api.put(f"/queues/{queue}", {"capacity": 10})
        with api.wire() as wire:
            wire.send(request_bytes("POST", f"/queues/{queue}/dequeue?timeout=60", b""))
            wait_until(lambda: api.stats(queue)["waiting_consumers"] == 1)
            api.enqueue(queue, 1)
            assert wire.response().json()["payload"] == 1

    def test_a_body_means_nothing(self, api: Api, queue: str) -> None:
        api.enqueue(queue, 1)
        assert api.post(f"/queues/{queue}/dequeue", b"not json").json()["payload"] == 1

    def test_a_wrong_parameter_is_refused(self, api: Api, queue: str) -> None:
        api.enqueue(queue, 1)
        response = api.post(f"/queues/{queue}/dequeue?count=0")
        assert (response.status, response.code) == (400, "invalid_count")
        assert api.drain(queue) == [1]
