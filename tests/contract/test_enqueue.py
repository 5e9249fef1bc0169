from __future__ import annotations

import time

import pytest

from tests.contract.raw import Api
from tests.helpers import Task, wait_until

NDJSON = "application/x-ndjson"

# Texts that a decoder and encoder in between would change.
VERBATIM = [
    "12345678901234567890123",
    "1.10",
    "1e400",
    "9" * 5_000,
    "-0.0",
    '{"a":1,"a":2}',
    '{ "spaced" : [ 1 ,2 ] }',
    '"\\u00e4\\/\\n"',
    '"ä€😀"',
    '"\\ud83d\\ude00"',
    "null",
    '""',
    "[]",
]


def test_a_message_is_acknowledged(api: Api, queue: str) -> None:
    before = time.time_ns() // 1000
    response = api.post(f"/queues/{queue}/enqueue", {"payload": {"to": "a@example.org"}})
    assert response.status == 200
    assert response.headers["cache-control"] == "no-store"
    document = response.json()
    assert before <= document.pop("enqueued_at") <= time.time_ns() // 1000
    assert document == {"queued": True, "queue_name": queue, "queue_size": 1}


def test_the_size_grows_with_each_message(api: Api, queue: str) -> None:
    sizes = [
        api.post(f"/queues/{queue}/enqueue", {"payload": n}).json()["queue_size"] for n in range(3)
    ]
    assert sizes == [1, 2, 3]


def test_a_batch_is_acknowledged_as_a_whole(api: Api, queue: str) -> None:
    document = api.post(f"/queues/{queue}/enqueue", {"payloads": [1, "two", None]}).json()
    assert isinstance(document.pop("enqueued_at"), int)
    assert document == {"queued": True, "queue_name": queue, "count": 3, "queue_size": 3}
    assert api.drain(queue) == [1, "two", None]


@pytest.mark.parametrize(
    "content_type", [NDJSON, f"{NDJSON}; charset=utf-8", NDJSON.upper(), "application/jsonl"]
)
def test_one_payload_a_line_is_a_batch(api: Api, queue: str, content_type: str) -> None:
    lines = b'{"n":1}\r\n\n"two"\n \n[3]'
    response = api.post(f"/queues/{queue}/enqueue", lines, content_type=content_type)
    assert response.status == 200
    assert response.json()["count"] == 3
    assert api.drain(queue) == [{"n": 1}, "two", [3]]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_every_other_content_type_is_read_as_json(api: Api, queue: str, content_type: str) -> None:
    body = b'{"payload":1}'
    response = api.post(f"/queues/{queue}/enqueue", body, content_type=content_type)
    assert response.status == 200


@pytest.mark.parametrize(
    "body",
    [b'{"payload":1,"payload":2}', b'{"payloads":[1,2,3],"payloads":[4]}', b'{"payload":1,"x":2}'],
)
def test_a_field_that_is_unknown_or_there_twice_queues_nothing(
    api: Api, queue: str, body: bytes
) -> None:
    response = api.post(f"/queues/{queue}/enqueue", body)
    assert (response.status, response.code) == (400, "unknown_field")
    assert api.drain(queue) == []


@pytest.mark.parametrize(
    ("query", "parameter"), [("timeot=3", "timeot"), ("timeout=1&timeout=1", "timeout")]
)
def test_a_parameter_that_means_nothing_is_refused_and_queues_nothing(
    api: Api, queue: str, query: str, parameter: str
) -> None:
    response = api.post(f"/queues/{queue}/enqueue?{query}", {"payload": 1})
    assert (response.status, response.code) == (400, "unknown_parameter")
    assert response.json()["parameter"] == parameter
    assert api.drain(queue) == []


@pytest.mark.parametrize("text", VERBATIM)
def test_a_payload_comes_back_byte_for_byte(api: Api, queue: str, text: str) -> None:
    payload = text.encode()
    path = f"/queues/{queue}/enqueue"
    assert api.post(path, b'{"payload": %b }' % payload).status == 200
    assert api.post(path, b'{"payloads":[%b]}' % payload).status == 200
    assert api.post(path, payload, content_type=NDJSON).status == 200
    single = api.get(f"/queues/{queue}/dequeue")
    assert single.body.startswith(b'{"payload":%b,"queue_name":"%b",' % (payload, queue.encode()))
    batch = api.get(f"/queues/{queue}/dequeue?count=1")
    assert batch.body.startswith(b'{"messages":[{"payload":%b,"enqueued_at":' % payload)
    assert api.get(f"/queues/{queue}/dequeue?count=1", accept=NDJSON).body == payload + b"\n"


@pytest.mark.parametrize(
    ("body", "code", "details"),
    [
        (b"", "invalid_json", {"offset": 0}),
        (b"{", "invalid_json", {"offset": 1}),
        (b'{"payload":1', "invalid_json", {"offset": 12}),
        (b'{"payload":tru}', "invalid_json", {"offset": 12}),
        (b'{"payload":NaN}', "invalid_json", {"offset": 11}),
        (b'{"payload":01}', "invalid_json", {"offset": 12}),
        (b'{"payload":"\xff"}', "invalid_json", {"offset": 12}),
        (b'{"payload":' + b"[" * 100_000, "invalid_json", {"offset": 0}),
        (b"{}", "missing_payload", {}),
        (b"[]", "missing_payload", {}),
        (b'"text"', "missing_payload", {}),
        (b'{"payloads":[]}', "missing_payload", {}),
        (b'{"payloads":1}', "missing_payload", {}),
        (b'{"payload":1,"delay":5}', "unknown_field", {"field": "delay"}),
        (b'{"payload":1,"payloads":[2]}', "unknown_field", {"field": "payload"}),
    ],
)
def test_a_body_that_means_nothing_is_refused(
    api: Api, queue: str, body: bytes, code: str, details: dict[str, object]
) -> None:
    response = api.post(f"/queues/{queue}/enqueue", body)
    assert response.status == 400
    assert response.headers["cache-control"] == "no-store"
    document = response.json()
    assert len(document.pop("message")) > 10
    assert document == {"error": code, **details}
    assert api.get(f"/queues/{queue}").status == 404


@pytest.mark.parametrize(
    ("lines", "code", "details"),
    [
        (b"", "missing_payload", {}),
        (b"\n\n", "missing_payload", {}),
        (b"1\n{", "invalid_json", {"offset": 3}),
        (b"1\n2 3\n", "invalid_json", {"offset": 2}),
        (b'1\n{"a":\n2}\n', "invalid_json", {"offset": 2}),
        (b'1\n"\xff"', "invalid_json", {"offset": 3}),
    ],
)
def test_lines_that_mean_nothing_are_refused(
    api: Api, queue: str, lines: bytes, code: str, details: dict[str, object]
) -> None:
    response = api.post(f"/queues/{queue}/enqueue", lines, content_type=NDJSON)
    assert response.status == 400
    document = response.json()
    assert len(document.pop("message")) > 10
    assert document == {"error": code, **details}
    assert api.get(f"/queues/{queue}").status == 404


def test_what_follows_the_document_is_refused(api: Api, queue: str) -> None:
    response = api.post(f"/queues/{queue}/enqueue", b'{"payload":1} {"payload":2}')
    assert (response.status, response.code) == (400, "invalid_json")
    assert api.get(f"/queues/{queue}").status == 404


def test_a_compressed_body_is_refused(api: Api, queue: str) -> None:
    response = api.post(f"/queues/{queue}/enqueue", b"\x1f\x8b", content_encoding="gzip")
    assert (response.status, response.code) == (415, "unsupported_encoding")


@pytest.mark.parametrize("timeout", ["-1", "x", "nan", "inf", "1e9", "", "3601", "1_0", "+1", "٣"])
def test_a_timeout_out_of_range_is_refused(api: Api, queue: str, timeout: str) -> None:
    quoted = timeout.encode().hex("%") if timeout == "٣" else timeout
    target = f"/queues/{queue}/enqueue?timeout={'%' if timeout == '٣' else ''}{quoted}"
    response = api.post(target, {"payload": 1})
    assert (response.status, response.code) == (400, "invalid_timeout")
    assert response.json()["minimum"] == 0
    assert response.json()["maximum"] == 3600
    assert api.get(f"/queues/{queue}").status == 404


class TestFullQueue:
    @pytest.fixture
    def full(self, api: Api, queue: str) -> str:
        assert api.put(f"/queues/{queue}", {"capacity": 3}).status == 201
        api.enqueue(queue, 1, 2)
        return queue

    def test_what_does_not_fit_is_refused_whole(self, api: Api, full: str) -> None:
        response = api.post(f"/queues/{full}/enqueue", {"payloads": [3, 4]})
        assert response.status == 429
        assert response.headers["retry-after"] == "1"
        document = response.json()
        assert len(document.pop("message")) > 10
        assert document == {
            "error": "queue_full",
            "queue_name": full,
            "queue_capacity": 3,
            "queue_size": 2,
        }
        assert api.stats(full)["queue_full_total"] == 1
        assert api.drain(full) == [1, 2]

    def test_the_last_place_can_be_had(self, api: Api, full: str) -> None:
        assert api.post(f"/queues/{full}/enqueue", {"payload": 3}).status == 200
        assert api.post(f"/queues/{full}/enqueue", {"payload": 4}).status == 429

    def test_a_batch_that_never_fits_is_told_so(self, api: Api, full: str) -> None:
        response = api.post(f"/queues/{full}/enqueue?timeout=9", {"payloads": [1, 2, 3, 4]})
        assert (response.status, response.code) == (422, "batch_exceeds_capacity")
        assert response.json()["queue_capacity"] == 3
        assert response.json()["count"] == 4
        assert "retry-after" not in response.headers

    def test_a_producer_waits_for_room(self, api: Api, full: str) -> None:
        waiting = Task(lambda: api.post(f"/queues/{full}/enqueue?timeout=30", {"payloads": [3, 4]}))
        wait_until(lambda: api.stats(full)["waiting_producers"] == 1)
        assert api.get(f"/queues/{full}/dequeue").json()["payload"] == 1
        assert waiting.result().json()["count"] == 2
        assert api.stats(full)["queue_full_total"] == 0
        assert api.drain(full) == [2, 3, 4]

    def test_a_producer_waits_no_longer_than_it_wants(self, api: Api, full: str) -> None:
        began = time.monotonic()
        response = api.post(f"/queues/{full}/enqueue?timeout=0.2", {"payloads": [3, 4]})
        assert time.monotonic() - began >= 0.2
        assert (response.status, response.code) == (429, "queue_full")
        assert response.headers["retry-after"] == "1"
        assert api.stats(full)["waiting_producers"] == 0
        assert api.drain(full) == [1, 2]

    def test_a_producer_that_hangs_up_enqueues_nothing(self, api: Api, full: str) -> None:
        with api.wire() as wire:
            wire.send(
                f"POST /queues/{full}/enqueue?timeout=30 HTTP/1.1\r\nHost: x\r\n"
                'Content-Length: 18\r\n\r\n{"payloads":[3,4]}'.encode()
            )
            wait_until(lambda: api.stats(full)["waiting_producers"] == 1)
        wait_until(lambda: api.stats(full)["waiting_producers"] == 0)
        assert api.drain(full) == [1, 2]
