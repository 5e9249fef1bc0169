"""nginx and Caddy with the shipped configurations, in front of a real server."""

from __future__ import annotations

import itertools
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import requests
from websocket import WebSocket, create_connection

from tests.contract.servers import ServerProcess, start
from tests.contrib.programs import CONTRIB
from tests.contrib.proxies import Proxy, running
from tests.helpers import LIMIT, Task, wait_until
from zoldyq.client import Client, RemoteQueue
from zoldyq.config import Settings

MAX_BODY = Settings().max_body_bytes

_names = itertools.count()


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each proxy in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The server behind it."""
    process = start("native", tmp_path_factory.mktemp("server"), drain_seconds=0)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def proxy(
    kind: str, backend: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """A proxy in front of it."""
    with running(kind, backend, tmp_path_factory.mktemp(kind)) as started:
        yield started


@pytest.fixture
def http(proxy: Proxy) -> Iterator[requests.Session]:
    """A client that knows the certificate of the proxy, and no other."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(proxy.certificate)
        yield session


@pytest.fixture
def queue(backend: ServerProcess) -> Iterator[RemoteQueue]:
    """A new queue of the server, reached directly."""
    with Client(backend.url) as client:
        made = client.queue(f"q-{next(_names)}")
        made.create(1000)
        yield made


def url_of(proxy: Proxy, queue: RemoteQueue, verb: str) -> str:
    return f"{proxy.url}/queues/{queue.name}/{verb}"


@contextmanager
def stream(proxy: Proxy, queue: RemoteQueue, verb: str) -> Iterator[WebSocket]:
    """A WebSocket through the proxy, of a client that is one thread, as TLS needs it."""
    url = url_of(proxy, queue, verb).replace("https", "wss", 1)
    options = {"ca_certs": str(proxy.certificate)}
    connected = create_connection(url, timeout=LIMIT, sslopt=options, http_no_proxy=["*"])
    with closing(connected):
        yield connected


def test_messages_come_back_byte_for_byte(
    proxy: Proxy, http: requests.Session, queue: RemoteQueue
) -> None:
    payload = '{"big": 123456789012345678901234567890, "price": 1.10, "text": "\\u00e4 ä"}'
    sent = http.post(url_of(proxy, queue, "enqueue"), data=f'{{"payload":{payload}}}'.encode())
    assert sent.json()["queue_size"] == 1
    taken = http.get(url_of(proxy, queue, "dequeue"))
    assert f'{{"payload":{payload},"queue_name"' in taken.content.decode()
    assert http.get(url_of(proxy, queue, "dequeue")).status_code == 204


@pytest.mark.parametrize(
    ("path", "status"), [("peek", 404), ("dequeue", 204), ("dequeue?timeout=x", 400)]
)
def test_a_request_of_http_1_0_without_a_host_is_answered_by_the_server(
    proxy: Proxy, path: str, status: int
) -> None:
    assert ask(proxy, f"GET /queues/never-made/{path} HTTP/1.0\r\n\r\n")[0] == status


def test_a_message_comes_over_http_1_0_without_a_host(proxy: Proxy, queue: RemoteQueue) -> None:
    body = '{"payload":1}'
    head = f"POST /queues/{queue.name}/enqueue HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n"
    status, answer = ask(proxy, head + body)
    assert (status, json.loads(answer)["queued"]) == (200, True)
    assert queue.stats().size == 1


def test_a_head_as_large_as_the_server_takes_passes(proxy: Proxy) -> None:
    line = "X-Long: " + "x" * (Settings().max_header_bytes - 1_000)
    request = f"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{line}\r\n\r\n"
    assert ask(proxy, request)[0] == 200


def ask(proxy: Proxy, request: str) -> tuple[int, str]:
    """Send a request as it is; return status and body, which ends with the connection."""
    with proxy.connect() as connection:
        connection.sendall(request.encode())
        received = b""
        while data := connection.recv(1 << 16):
            received += data
    head, _, body = received.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


def test_large_bodies_pass(proxy: Proxy, http: requests.Session, queue: RemoteQueue) -> None:
    payload = "x" * (MAX_BODY - 100)
    sent = http.post(url_of(proxy, queue, "enqueue"), json={"payload": payload})
    assert sent.status_code == 200
    assert http.get(url_of(proxy, queue, "dequeue")).json()["payload"] == payload


def test_the_server_says_what_is_too_large(kind: str, proxy: Proxy, queue: RemoteQueue) -> None:
    with proxy.connect() as connection:
        head = f"POST /queues/{queue.name}/enqueue HTTP/1.1\r\nHost: localhost\r\n"
        connection.sendall(f"{head}Content-Length: {MAX_BODY + 1}\r\n\r\n".encode())
        # nginx reads a body to its end before it asks the server, Caddy until there is something.
        connection.sendall(b"x" * (MAX_BODY + 1 if kind == "nginx" else 1 << 16))
        received = b""
        while b'"error":"body_too_large"' not in received:
            data = connection.recv(1 << 16)
            assert data, received
            received += data
    assert received.startswith(b"HTTP/1.1 413 ")


def test_a_long_poll_gets_the_message_that_comes(
    proxy: Proxy, http: requests.Session, queue: RemoteQueue
) -> None:
    waiting = Task(lambda: http.get(url_of(proxy, queue, "dequeue?timeout=50")))
    wait_until(lambda: queue.stats().waiting_consumers == 1)
    queue.enqueue("hello")
    assert waiting.result().json()["payload"] == "hello"


def test_the_longest_poll_outlasts_no_limit_of_the_proxies() -> None:
    conf = (CONTRIB / "nginx" / "zoldyq.conf").read_text(encoding="utf-8")
    (seconds,) = re.findall(r"^\s*proxy_read_timeout (\d+)s;$", conf, re.MULTILINE)
    assert int(seconds) > Settings().max_timeout
    # Caddy has none unless it is told to.
    caddyfile = (CONTRIB / "caddy" / "Caddyfile").read_text(encoding="utf-8")
    assert "timeout" not in caddyfile


@pytest.mark.parametrize("file", ["nginx/zoldyq.conf", "caddy/Caddyfile"])
def test_connections_to_the_server_are_closed_before_it_closes_them(file: str) -> None:
    text = (CONTRIB / file).read_text(encoding="utf-8")
    (seconds,) = re.findall(r"^\s*keepalive(?:_timeout)? (\d+)s;?$", text, re.MULTILINE)
    assert int(seconds) < Settings().idle_seconds


def test_a_client_that_hangs_up_takes_nothing(proxy: Proxy, queue: RemoteQueue) -> None:
    with proxy.connect() as connection:
        path = f"/queues/{queue.name}/dequeue?timeout=50"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_until(lambda: queue.stats().waiting_consumers == 1)
    wait_until(lambda: queue.stats().waiting_consumers == 0)
    queue.enqueue("still here")
    assert [message.payload for message in queue.peek()] == ["still here"]


def test_a_websocket_sends_and_another_receives(proxy: Proxy, queue: RemoteQueue) -> None:
    with stream(proxy, queue, "dequeue") as consumer, stream(proxy, queue, "enqueue") as producer:
        for number in range(3):
            producer.send(json.dumps({"payload": number}))
            assert json.loads(producer.recv())["queued"] is True
        received = [json.loads(consumer.recv())["payload"] for _ in range(3)]
    assert received == [0, 1, 2]
    wait_until(lambda: queue.stats().waiting_consumers == 0)


def test_a_websocket_that_is_cut_takes_nothing(proxy: Proxy, queue: RemoteQueue) -> None:
    with stream(proxy, queue, "dequeue") as consumer:
        wait_until(lambda: queue.stats().waiting_consumers == 1)
        assert consumer.sock is not None
        consumer.sock.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: queue.stats().waiting_consumers == 0)
    queue.enqueue("still here")
    assert queue.stats().size == 1


def test_the_client_sends_and_streams(
    proxy: Proxy, queue: RemoteQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(proxy.certificate))
    with Client(proxy.url) as client:
        there = client.queue(queue.name)
        assert there.enqueue_many(range(500)) == 500
        with there.consume(limit=500) as consumer:
            assert [message.payload for message in consumer] == list(range(500))


def test_pages_of_the_server_are_told_from_others(
    proxy: Proxy, http: requests.Session, queue: RemoteQueue
) -> None:
    assert "<title>" in http.get(proxy.url).text
    for origin, status in ((proxy.url, 200), ("https://example.com", 403)):
        reply = http.post(
            url_of(proxy, queue, "enqueue"), json={"payload": 1}, headers={"Origin": origin}
        )
        assert reply.status_code == status


def test_many_requests_share_connections_to_the_server(
    proxy: Proxy, http: requests.Session, queue: RemoteQueue, backend: ServerProcess
) -> None:
    for number in range(50):
        http.post(url_of(proxy, queue, "enqueue"), json={"payload": number})
    metrics = requests.get(f"{backend.url}/metrics", timeout=LIMIT).text
    (connections,) = re.findall(r"^zoldyq_connections (\S+)$", metrics, re.MULTILINE)
    assert float(connections) < 15
    assert [message.payload for message in queue.dequeue_many(100)] == list(range(50))


def test_plain_http_is_sent_to_tls(kind: str, proxy: Proxy) -> None:
    if kind == "caddy":
        pytest.skip("Caddy listens on port 80 by itself, which a test must not")
    reply = requests.get(
        f"http://127.0.0.1:{proxy.plain_port}/queues/a/dequeue?count=2",
        headers={"Host": "zoldyq.example.com"},
        allow_redirects=False,
        timeout=LIMIT,
    )
    assert reply.status_code == 308
    assert reply.headers["Location"] == "https://zoldyq.example.com/queues/a/dequeue?count=2"
