"""WebSocket sessions on the servers that can have them, through a client that others wrote."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.certificates import SecureAddress
from tests.contract.conftest import Start
from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.helpers import wait_until
from tests.websocket.frames import HANDSHAKE

UPGRADE = {k.replace("-", "_").lower(): v for k, v in HANDSHAKE.items() if k != "Host"}


@pytest.fixture(params=["native", "tls", "gunicorn"])
def capable(request: pytest.FixtureRequest, shared: Callable[[str], ServerProcess]) -> Api:
    """A server that has WebSockets."""
    return Api(shared(request.param).address)


def open_stream(api: Api, path: str, **options: Any) -> ClientConnection:
    host, port = api.address
    scheme = "ws"
    if isinstance(api.address, SecureAddress):
        scheme = "wss"
        options["ssl"] = api.address.context
    url = f"{scheme}://{host}:{port}{path}"
    stream: ClientConnection = connect(url, compression=None, **options)
    return stream


def receive(stream: ClientConnection) -> Any:
    return json.loads(stream.recv(timeout=20))


def test_each_message_is_acknowledged_in_order(capable: Api, queue: str) -> None:
    with open_stream(capable, f"/queues/{queue}/enqueue") as stream:
        for text in ('{"payload": 1.10}', '{"payloads":[2,3]}', "{", '{"payload":4}'):
            stream.send(text)
        first, batch, bad, last = [receive(stream) for _ in range(4)]
    assert isinstance(first.pop("enqueued_at"), int)
    assert first == {"queued": True, "queue_name": queue, "queue_size": 1}
    assert (batch["queued"], batch["count"], batch["queue_size"]) == (True, 2, 3)
    assert (bad["queued"], bad["error"]) == (False, "invalid_json")
    assert bad["message"]
    assert (last["queued"], last["queue_size"]) == (True, 4)
    body = capable.get(f"/queues/{queue}/dequeue").body
    assert body.startswith(b'{"payload":1.10,')
    assert capable.drain(queue) == [2, 3, 4]


@pytest.mark.parametrize(
    "target", ["enqueue?timeout=1", "dequeue?timeout=1", "dequeue?credit=1&credit=1"]
)
def test_a_parameter_that_means_nothing_opens_no_stream(
    capable: Api, queue: str, target: str
) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        open_stream(capable, f"/queues/{queue}/{target}")
    assert refusal.value.response.status_code == 400
    assert json.loads(refusal.value.response.body)["error"] == "unknown_parameter"


def test_a_full_queue_and_a_binary_frame_do_not_end_the_session(capable: Api, queue: str) -> None:
    capable.put(f"/queues/{queue}", {"capacity": 1})
    with open_stream(capable, f"/queues/{queue}/enqueue") as stream:
        for message in ('{"payload":1}', '{"payload":2}', b'{"payload":3}'):
            stream.send(message)
        answers = [receive(stream) for _ in range(3)]
        capable.drain(queue)
        stream.send('{"payload":4}')
        assert receive(stream)["queued"] is True
    assert [answer["queued"] for answer in answers] == [True, False, False]
    assert (answers[1]["error"], answers[1]["queue_capacity"]) == ("queue_full", 1)


def test_messages_are_pushed_as_they_come(capable: Api, queue: str) -> None:
    capable.enqueue(queue, "early")
    with open_stream(capable, f"/queues/{queue}/dequeue") as stream:
        first = receive(stream)
        assert isinstance(first.pop("enqueued_at"), int)
        assert first == {"payload": "early", "queue_name": queue}
        wait_until(lambda: capable.stats(queue)["waiting_consumers"] == 1)
        capable.enqueue(queue, *range(100))
        assert [receive(stream)["payload"] for _ in range(100)] == list(range(100))


def test_several_messages_a_frame(capable: Api, queue: str) -> None:
    capable.enqueue(queue, *range(10))
    with open_stream(capable, f"/queues/{queue}/dequeue?count=4") as stream:
        sizes: list[int] = []
        payloads: list[int] = []
        while len(payloads) < 10:
            document = receive(stream)
            sizes.append(document["count"])
            payloads += [message["payload"] for message in document["messages"]]
    assert payloads == list(range(10))
    assert max(sizes) <= 4


def test_credit_bounds_what_is_sent(capable: Api, queue: str) -> None:
    capable.enqueue(queue, *range(5))
    with open_stream(capable, f"/queues/{queue}/dequeue?credit=2") as stream:
        assert [receive(stream)["payload"] for _ in range(2)] == [0, 1]
        assert capable.stats(queue)["size"] == 3
        stream.send('{"credit":1}')
        assert receive(stream)["payload"] == 2
        assert capable.stats(queue)["size"] == 2


def test_what_is_put_back_returns_to_the_head(capable: Api, queue: str) -> None:
    capable.enqueue(queue, *range(5))
    with open_stream(capable, f"/queues/{queue}/dequeue?credit=3") as stream:
        assert [receive(stream)["payload"] for _ in range(3)] == [0, 1, 2]
        stream.send('{"put_back":4}')
        refusal = receive(stream)
        assert (refusal["error"], refusal["outstanding"]) == ("invalid_count", 3)
        stream.send('{"put_back":2}')
        assert receive(stream) == {"put_back": 2}
    assert capable.drain(queue) == [1, 2, 3, 4]


def test_a_consumer_that_left_swallows_nothing(capable: Api, queue: str) -> None:
    capable.put(f"/queues/{queue}", {"capacity": 10})
    with open_stream(capable, f"/queues/{queue}/dequeue"):
        wait_until(lambda: capable.stats(queue)["waiting_consumers"] == 1)
    wait_until(lambda: capable.stats(queue)["waiting_consumers"] == 0)
    capable.enqueue(queue, 1)
    assert capable.drain(queue) == [1]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/queues/-/dequeue", 400, "invalid_queue_name"),
        ("/queues/-/enqueue", 400, "invalid_queue_name"),
        ("/queues/a/dequeue?count=0", 400, "invalid_count"),
        ("/queues/a/dequeue?credit=x", 400, "invalid_count"),
    ],
)
def test_a_stream_that_makes_no_sense_is_refused(
    capable: Api, path: str, status: int, code: str
) -> None:
    response = capable.get(path, **UPGRADE)
    assert (response.status, response.code) == (status, code)


def test_a_bad_handshake_is_refused(capable: Api) -> None:
    path = "/queues/a/dequeue"
    old = capable.get(path, **{**UPGRADE, "sec_websocket_version": "8"})
    assert (old.status, old.code) == (426, "upgrade_required")
    assert old.headers["sec-websocket-version"] == "13"
    keyless = capable.get(path, **{**UPGRADE, "sec_websocket_key": "short"})
    assert (keyless.status, keyless.code) == (400, "malformed_request")


@pytest.mark.parametrize("path", ["/queues/a/peek", "/queues/a", "/health"])
def test_a_path_without_a_stream_answers_plain_http(capable: Api, path: str) -> None:
    assert capable.get(path, **UPGRADE).status in (200, 404)


def test_pages_of_other_origins_get_no_stream(capable: Api, queue: str) -> None:
    capable.enqueue(queue, 1)
    with pytest.raises(InvalidStatus) as refused:
        open_stream(capable, f"/queues/{queue}/dequeue", origin="https://evil.example.org")
    assert refused.value.response.status_code == 403
    assert capable.drain(queue) == [1]


@pytest.mark.parametrize("server_kind", ["native", "tls", "gunicorn"])
def test_a_token_as_a_header_or_as_a_subprotocol(start_server: Start, server_kind: str) -> None:
    api = Api(start_server(server_kind, token="secret", drain_seconds=0).address)
    path = "/queues/a/enqueue"
    with pytest.raises(InvalidStatus) as refused:
        open_stream(api, path)
    assert refused.value.response.status_code == 401
    bearer = "bearer." + base64.urlsafe_b64encode(b"secret").decode().rstrip("=")
    options: list[dict[str, Any]] = [
        {"additional_headers": {"Authorization": "Bearer secret"}},
        {"subprotocols": ["zoldyq", bearer]},
    ]
    for option in options:
        with open_stream(api, path, **option) as stream:
            stream.send('{"payload":1}')
            assert receive(stream)["queued"] is True
            assert stream.subprotocol == ("zoldyq" if "subprotocols" in option else None)


def test_waitress_tells_what_to_use_instead(shared: Callable[[str], ServerProcess]) -> None:
    response = Api(shared("waitress").address).get("/queues/a/dequeue", **UPGRADE)
    assert (response.status, response.code) == (501, "websocket_unavailable")
    assert "gunicorn" in response.json()["message"]


@pytest.mark.parametrize("server_kind", ["native", "tls"])
def test_too_many_sessions_are_refused(start_server: Start, server_kind: str) -> None:
    api = Api(start_server(server_kind, max_websockets=2).address)
    path = "/queues/a/dequeue"
    with open_stream(api, path), open_stream(api, path):
        with pytest.raises(InvalidStatus) as refused:
            open_stream(api, path)
        assert refused.value.response.status_code == 503
        assert json.loads(refused.value.response.body or b"")["error"] == "too_many_websockets"
    wait_until(lambda: b"zoldyq_websocket_sessions 0" in api.get("/metrics").body)
    with open_stream(api, path):
        assert b"zoldyq_websocket_sessions 1" in api.get("/metrics").body


@pytest.mark.parametrize("server_kind", ["native", "tls"])
def test_sessions_end_with_1001_when_the_server_stops(run_server: Start, server_kind: str) -> None:
    server = run_server(server_kind)
    api = Api(server.address)
    with (
        open_stream(api, "/queues/a/dequeue") as consumer,
        open_stream(api, "/queues/a/enqueue") as producer,
    ):
        producer.send('{"payload":1}')
        assert receive(producer)["queued"] is True
        assert receive(consumer)["payload"] == 1
        server.signal()
        for stream in (consumer, producer):
            with pytest.raises(ConnectionClosed) as closed:
                stream.recv(timeout=20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
    assert server.exit_code() == 0
