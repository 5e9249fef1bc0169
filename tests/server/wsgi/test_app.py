"""The WSGI application: over waitress as it is shipped, and called directly where no server at
hand makes the environment."""

from __future__ import annotations

import http.client
import io
import json
import logging
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast
from urllib.parse import urljoin

import pytest

from tests.helpers import Task, wait_until
from tests.server.wsgi.client import call, code_of
from zoldyq.config import Settings
from zoldyq.contract.errors import InvalidSetting
from zoldyq.metrics.prometheus import Metrics
from zoldyq.queue import QueueManager
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.clients import Client
from zoldyq.server.api.operations import Operations
from zoldyq.server.websocket.sessions import WebSocketSessions
from zoldyq.server.wsgi.app import ZoldyQApp, create_app
from zoldyq.server.wsgi.settings import settings_document
from zoldyq.server.wsgi.waitress_server import WaitressServer

PAGE = "https://app.example"


@pytest.fixture
def app() -> ZoldyQApp:
    return create_app(Settings(max_body_bytes=1024, max_waiting=2, cors_origins=(PAGE,)))


@pytest.fixture
def queues(app: ZoldyQApp) -> QueueManager:
    return cast(QueueManager, app.operations.queues)


class TestOverWaitress:
    """What real clients see."""

    @pytest.fixture
    def address(self, app: ZoldyQApp) -> Iterator[tuple[str, int]]:
        server = WaitressServer(
            app,
            app.operations,
            threads=4,
            max_connections=100,
            max_header_bytes=16_384,
            idle_seconds=10,
            backlog=16,
        )
        (url,) = server.listen("127.0.0.1", 0)
        server.start()
        yield "127.0.0.1", int(url.rpartition(":")[2])
        cast(QueueManager, app.operations.queues).drain()
        server.stop()

    @pytest.fixture
    def ask(self, address: tuple[str, int]) -> Callable[..., tuple[int, Any]]:
        def ask(method: str, target: str, body: Any = None, **headers: str) -> tuple[int, Any]:
            connection = http.client.HTTPConnection(*address, timeout=10)
            try:
                connection.request(method, target, body, headers)
                response = connection.getresponse()
                text = response.read()
                return response.status, json.loads(text) if text else None
            finally:
                connection.close()

        return ask

    def test_a_message_goes_in_and_comes_out(self, ask: Callable[..., Any]) -> None:
        status, receipt = ask("POST", "/queues/emails/enqueue", b'{"payload": {"to": "a@b"}}')
        assert (status, receipt["queued"], receipt["queue_size"]) == (200, True, 1)
        status, message = ask("GET", "/queues/emails/dequeue")
        assert (status, message["payload"]) == (200, {"to": "a@b"})
        assert message["enqueued_at"] == receipt["enqueued_at"]
        assert ask("GET", "/queues/emails/dequeue") == (204, None)

    def test_a_chunked_body_is_read(self, ask: Callable[..., Any]) -> None:
        status, _ = ask("POST", "/queues/a/enqueue", iter([b'{"pay', b'load": 1}']))
        assert status == 200
        assert ask("GET", "/queues/a/dequeue")[1]["payload"] == 1

    def test_a_waiting_consumer_holds_up_no_producer(
        self, ask: Callable[..., Any], queues: QueueManager
    ) -> None:
        queues.create("a", capacity=10)
        task = Task(lambda: ask("GET", "/queues/a/dequeue?timeout=30"))
        wait_until(lambda: queues.stats("a").waiting_consumers == 1)
        assert ask("POST", "/queues/a/enqueue", b'{"payload": 1}')[0] == 200
        assert task.result()[1]["payload"] == 1

    def test_more_waiting_consumers_than_may_are_refused_at_once(
        self, ask: Callable[..., Any], queues: QueueManager
    ) -> None:
        queues.create("a", capacity=10)
        tasks = [Task(lambda: ask("GET", "/queues/a/dequeue?timeout=30")) for _ in range(2)]
        wait_until(lambda: queues.stats("a").waiting_consumers == 2)
        status, refusal = ask("GET", "/queues/a/dequeue?timeout=30")
        assert (status, refusal["error"]) == (503, "too_many_waiting")
        assert ask("GET", "/health")[0] == 200
        queues.drain()
        assert [task.result() for task in tasks] == [(204, None)] * 2

    def test_a_consumer_that_hung_up_swallows_no_message(
        self, ask: Callable[..., Any], address: tuple[str, int], queues: QueueManager
    ) -> None:
        queues.create("a", capacity=10)
        with socket.create_connection(address) as client:
            client.sendall(b"GET /queues/a/dequeue?timeout=3600 HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: queues.stats("a").waiting_consumers == 1)
        wait_until(lambda: queues.stats("a").waiting_consumers == 0)
        ask("POST", "/queues/a/enqueue", b'{"payload": "kept"}')
        assert ask("GET", "/queues/a/dequeue")[1]["payload"] == "kept"


def post(app: ZoldyQApp, target: str, body: bytes, **environ: object) -> tuple[int, str]:
    """Send a body that is refused; return status and code."""
    return code_of(call(app, "POST", target, body, **environ))


class TestBodies:
    @pytest.mark.parametrize(
        ("size", "read"),
        [(1025, 1025), (2048, 2048), (2049, 0)],
        ids=["so that its sender sees the answer", "the largest such", "hopelessly large"],
    )
    def test_one_that_says_it_is_too_large_is_refused(
        self, app: ZoldyQApp, size: int, read: int
    ) -> None:
        body = io.BytesIO(b"x" * size)
        answer = post(
            app, "/queues/a/enqueue", b"", CONTENT_LENGTH=str(size), **{"wsgi.input": body}
        )
        assert answer == (413, "body_too_large")
        assert body.tell() == read

    def test_one_in_chunks_that_grows_too_large_is_refused(self, app: ZoldyQApp) -> None:
        body = io.BytesIO(b"x" * 5000)
        chunked = {"wsgi.input": body, "wsgi.input_terminated": True}
        answer = post(app, "/queues/a/enqueue", b"", CONTENT_LENGTH="", **chunked)
        assert answer == (413, "body_too_large")
        assert body.tell() <= 2 * 1024 + 1

    def test_one_that_ends_early_changes_nothing(
        self, app: ZoldyQApp, queues: QueueManager
    ) -> None:
        answer = call(app, "POST", "/queues/a/enqueue", b'{"payload": 1}', CONTENT_LENGTH="20")
        assert code_of(answer) == (400, "malformed_request")
        assert list(queues.all_stats()) == []

    def test_a_compressed_one_is_refused(self, app: ZoldyQApp) -> None:
        answer = post(app, "/queues/a/enqueue", b"{}", HTTP_CONTENT_ENCODING="gzip")
        assert answer == (415, "unsupported_encoding")

    def test_identity_is_no_compression(self, app: ZoldyQApp) -> None:
        body = b'{"payload": 1}'
        answer = call(app, "POST", "/queues/a/enqueue", body, HTTP_CONTENT_ENCODING="Identity")
        assert answer.status == 200

    @pytest.mark.parametrize("length", ["", "0"])
    def test_none_at_all_is_no_json(self, app: ZoldyQApp, length: str) -> None:
        answer = post(app, "/queues/a/enqueue", b"", CONTENT_LENGTH=length)
        assert answer == (400, "invalid_json")

    def test_a_length_that_is_none_is_refused(self, app: ZoldyQApp) -> None:
        answer = post(app, "/queues/a/enqueue", b"", CONTENT_LENGTH="many")
        assert answer == (400, "malformed_request")

    def test_ndjson_goes_in_and_out(self, app: ZoldyQApp) -> None:
        ndjson = "application/x-ndjson"
        answer = call(app, "POST", "/queues/a/enqueue", b'1\n"b"\n', CONTENT_TYPE=ndjson)
        assert answer.document()["count"] == 2
        answer = call(app, "GET", "/queues/a/dequeue?count=5", HTTP_ACCEPT=ndjson)
        assert answer.headers["content-type"] == ndjson
        assert answer.read() == b'1\n"b"\n'


class TestDelivery:
    @pytest.fixture(autouse=True)
    def _one_message(self, queues: QueueManager) -> None:
        queues.enqueue_many("a", [b"1.10"])

    def test_a_reply_that_was_taken_is_delivered(
        self, app: ZoldyQApp, queues: QueueManager
    ) -> None:
        answer = call(app, "GET", "/queues/a/dequeue")
        assert answer.headers["content-length"] == str(len(answer.read()))
        assert queues.stats("a").size == 0

    def test_a_reply_that_could_not_be_written_goes_back(
        self, app: ZoldyQApp, queues: QueueManager
    ) -> None:
        call(app, "GET", "/queues/a/dequeue").close()
        assert queues.stats("a").put_back_total == 1
        assert call(app, "GET", "/queues/a/dequeue").document()["payload"] == 1.1

    def test_head_takes_nothing(self, app: ZoldyQApp, queues: QueueManager) -> None:
        answer = call(app, "HEAD", "/queues/a/dequeue")
        assert answer.status == 405
        assert "HEAD" not in answer.headers["allow"]
        assert queues.stats("a").size == 1

    def test_peek_takes_nothing(self, app: ZoldyQApp, queues: QueueManager) -> None:
        assert call(app, "GET", "/queues/a/peek").document()["messages"][0]["payload"] == 1.1
        assert queues.stats("a").size == 1


def test_queues_are_administered(app: ZoldyQApp) -> None:
    assert call(app, "PUT", "/queues/a", b'{"capacity": 2}').status == 201
    assert call(app, "PUT", "/queues/a", b'{"capacity": 2}').status == 200
    assert code_of(call(app, "PUT", "/queues/a", b'{"capacity": 3}')) == (409, "queue_exists")
    call(app, "POST", "/queues/a/enqueue", b'{"payloads": [1, 2]}').read()
    answer = call(app, "POST", "/queues/a/enqueue", b'{"payload": 3}')
    assert "retry-after" in answer.headers
    assert code_of(answer) == (429, "queue_full")
    assert call(app, "GET", "/queues/a").document()["size"] == 2
    assert call(app, "GET", "/queues").document()["total_queues"] == 1
    assert call(app, "POST", "/queues/a/purge").document()["purged"] == 2
    assert call(app, "DELETE", "/queues/a").document()["deleted"] is True
    assert code_of(call(app, "GET", "/queues/a")) == (404, "queue_not_found")


def test_health_and_readiness_follow_the_queues(app: ZoldyQApp, queues: QueueManager) -> None:
    assert call(app, "GET", "/health").document()["status"] == "healthy"
    assert call(app, "GET", "/ready").document() == {"ready": True}
    queues.drain()
    assert call(app, "GET", "/health").document()["status"] == "draining"
    answer = call(app, "GET", "/ready")
    assert answer.status == 503
    assert answer.document() == {"ready": False, "reason": "shutting_down"}


STATE = ["/queues", "/queues/a", "/queues/a/peek", "/health", "/ready", "/metrics"]


@pytest.mark.parametrize("path", STATE)
def test_state_is_not_to_be_cached(app: ZoldyQApp, queues: QueueManager, path: str) -> None:
    queues.enqueue_many("a", [b"1"])
    assert call(app, "GET", path).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [*STATE, "/openapi.json", "/docs", "/", "/ui/style.css"])
def test_head_is_get_without_a_body(app: ZoldyQApp, queues: QueueManager, path: str) -> None:
    queues.begin_enqueue("a", [b"1"], 2**53)  # from the future, so that its age is always 0
    answer = call(app, "HEAD", path)
    assert (answer.status, answer.read()) == (200, b"")
    assert answer.headers["content-type"] == call(app, "GET", path).headers["content-type"]
    assert int(answer.headers["content-length"]) > 0


class TestRefusals:
    @pytest.mark.parametrize(
        "path",
        ["/nothing", "/queues/a/", "/queues/a/enqueue/", "/queues/a/b", "/ui/app.py", "/ui/"],
    )
    def test_an_unknown_path(self, app: ZoldyQApp, path: str) -> None:
        assert code_of(call(app, "GET", path)) == (404, "not_found")

    @pytest.mark.parametrize(
        ("method", "path", "allow"),
        [
            ("GET", "/queues/a/enqueue", "OPTIONS, POST"),
            ("HEAD", "/queues/a/enqueue", "OPTIONS, POST"),
            ("PUT", "/queues/a/dequeue", "GET, OPTIONS, POST"),
            ("POST", "/queues/a", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
            ("BREW", "/health", "GET, HEAD, OPTIONS"),
            ("get", "/health", "GET, HEAD, OPTIONS"),
        ],
    )
    def test_a_method_that_the_path_does_not_take(
        self, app: ZoldyQApp, method: str, path: str, allow: str
    ) -> None:
        answer = call(app, method, path)
        assert (answer.status, answer.headers["allow"]) == (405, allow)
        if method != "HEAD":
            assert answer.document()["error"] == "method_not_allowed"

    def test_a_fault_is_logged_and_not_told(
        self,
        app: ZoldyQApp,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def broken(_sees: object) -> None:
            raise ValueError("the secret reason")

        monkeypatch.setattr(app.operations, "health", broken)
        answer = call(app, "GET", "/health")
        text = answer.read()
        assert (answer.status, json.loads(text)["error"]) == (500, "internal_error")
        assert b"secret" not in text
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert "the secret reason" in caplog.text

    @pytest.mark.parametrize(
        "server",
        [
            {"wsgi.multiprocess": True},
            {"wsgi.multithread": False},
            {"wsgi.multiprocess": True, "HTTP_UPGRADE": "websocket"},
        ],
    )
    @pytest.mark.parametrize("path", ["/queues/a/dequeue", "/health", "/nothing"])
    def test_an_unsafe_server_is_told_how_to_be_safe(
        self, app: ZoldyQApp, server: dict[str, object], path: str
    ) -> None:
        answer = call(app, "GET", path, **server)
        document = answer.document()
        assert (answer.status, document["error"]) == (500, "unsafe_server")
        assert "--workers 1 --threads N" in document["message"]
        assert "--max-requests" in document["message"]


class TestAccess:
    def test_a_token_is_asked_for(self) -> None:
        app = create_app(Settings(tokens=("secret",)))
        answer = call(app, "GET", "/queues")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert code_of(answer) == (401, "unauthorized")
        assert call(app, "GET", "/queues", HTTP_AUTHORIZATION="Bearer secret").status == 200
        assert call(app, "GET", "/health").status == 200

    def test_a_foreign_page_changes_nothing(self, app: ZoldyQApp, queues: QueueManager) -> None:
        queues.enqueue_many("a", [b"1"])
        foreign: list[dict[str, object]] = [
            {"HTTP_ORIGIN": "http://evil.example"},
            {"HTTP_SEC_FETCH_SITE": "cross-site"},
        ]
        for headers in foreign:
            answer = call(app, "GET", "/queues/a/dequeue", **headers)
            assert "access-control-allow-origin" not in answer.headers
            assert code_of(answer) == (403, "forbidden_origin")
        assert queues.stats("a").size == 1

    @pytest.mark.parametrize("path", ["/queues", "/queues/none", "/nothing"])
    def test_an_allowed_page_may_read_replies_and_errors(self, app: ZoldyQApp, path: str) -> None:
        answer = call(app, "GET", path, HTTP_ORIGIN=PAGE)
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert answer.headers["vary"] == "Origin"

    def test_a_preflight_is_answered_without_a_token(self) -> None:
        app = create_app(Settings(tokens=("secret",), cors_origins=(PAGE,)))
        answer = call(
            app,
            "OPTIONS",
            "/queues/a/dequeue",
            HTTP_ORIGIN=PAGE,
            HTTP_ACCESS_CONTROL_REQUEST_METHOD="GET",
        )
        assert (answer.status, answer.read()) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "Authorization" in answer.headers["access-control-allow-headers"]

    def test_options_tells_the_methods(self, app: ZoldyQApp) -> None:
        answer = call(app, "OPTIONS", "/queues/a/enqueue")
        assert (answer.status, answer.headers["allow"]) == (204, "OPTIONS, POST")
        assert "access-control-allow-methods" not in answer.headers


class FakeSessions:
    """Stands in for the WebSocket sessions and notes what it was given."""

    open = 3

    def __init__(self) -> None:
        self.served: list[str] = []

    def of(self, _queue: str) -> list[Client]:
        return []

    def serve(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.served.append(environ["PATH_INFO"])
        start_response("101 Switching Protocols", [])
        return []


class TestWebSockets:
    @pytest.fixture
    def sessions(self) -> FakeSessions:
        return FakeSessions()

    @pytest.fixture
    def app(self, sessions: FakeSessions) -> ZoldyQApp:
        operations = Operations(QueueManager())
        metrics = Metrics(
            operations.queues,
            operations.durations,
            refusals=operations.refusals.snapshot,
            forbidden=dict,
            websockets=lambda: sessions.open,
            connections=lambda: 5,
            limits={},
        )
        return ZoldyQApp(
            operations,
            AccessPolicy(),
            cast(WebSocketSessions, sessions),
            metrics,
            max_waiting=1,
            settings=settings_document(Settings()),
        )

    @pytest.mark.parametrize("path", ["/queues/a/enqueue", "/queues/a/dequeue"])
    @pytest.mark.parametrize("upgrade", ["websocket", "WebSocket", "h2c, websocket"])
    def test_an_upgrade_goes_to_the_sessions(
        self, app: ZoldyQApp, sessions: FakeSessions, path: str, upgrade: str
    ) -> None:
        assert call(app, "GET", path, HTTP_UPGRADE=upgrade).status == 101
        assert sessions.served == [path]

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("GET", "/health", 200), ("GET", "/queues/a", 404), ("PUT", "/queues/a/dequeue", 405)],
    )
    def test_other_requests_stay_plain_http(
        self, app: ZoldyQApp, sessions: FakeSessions, method: str, path: str, status: int
    ) -> None:
        assert call(app, method, path, HTTP_UPGRADE="websocket").status == status
        assert sessions.served == []

    def test_metrics_count_sessions_and_connections(self, app: ZoldyQApp) -> None:
        answer = call(app, "GET", "/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        text = answer.read().decode()
        assert "zoldyq_websocket_sessions 3.0\n" in text
        assert "zoldyq_connections 5.0\n" in text

    def test_metrics_come_as_openmetrics_where_that_is_asked_for(self, app: ZoldyQApp) -> None:
        answer = call(app, "GET", "/metrics", HTTP_ACCEPT="application/openmetrics-text")
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        assert answer.read().endswith(b"# EOF\n")


class TestPages:
    def test_the_dashboard_runs_no_foreign_script(self, app: ZoldyQApp) -> None:
        answer = call(app, "GET", "/")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert b"ZoldyQ" in answer.read()

    def test_everything_that_it_names_is_there(self, app: ZoldyQApp) -> None:
        page = call(app, "GET", "/").read().decode()
        targets = {urljoin("/", name) for name in re.findall(r'(?:href|src)="([^"#]+)"', page)}
        assert "/ui/style.css" in targets
        assert {target for target in targets if call(app, "GET", target).status != 200} == set()

    @pytest.mark.parametrize("name", ["", "../wire.py", "__init__.py", "nothing.js"])
    def test_nothing_else_of_the_package_is_shown(self, app: ZoldyQApp, name: str) -> None:
        assert code_of(call(app, "GET", f"/ui/{name}")) == (404, "not_found")


class TestSettings:
    def test_they_come_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ZOLDYQ_DEFAULT_QUEUE_CAPACITY", "7")
        monkeypatch.setenv("ZOLDYQ_MAX_COUNT", "3")
        app = create_app()
        call(app, "POST", "/queues/a/enqueue", b'{"payload": 1}').read()
        assert call(app, "GET", "/queues/a").document()["capacity"] == 7
        assert code_of(call(app, "GET", "/queues/a/peek?count=4")) == (400, "invalid_count")

    def test_a_wrong_one_is_said_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ZOLDYQ_MAX_COUNT", "many")
        with pytest.raises(InvalidSetting, match="ZOLDYQ_MAX_COUNT"):
            create_app()

    def test_queues_may_be_ones_own(self) -> None:
        queues = QueueManager()
        queues.enqueue_many("a", [b"1"])
        app = create_app(Settings(), queues)
        assert call(app, "GET", "/queues/a").document()["size"] == 1

    def test_two_apps_live_in_one_process(self) -> None:
        one, other = create_app(Settings()), create_app(Settings())
        call(one, "POST", "/queues/a/enqueue", b'{"payload": 1}').read()
        assert call(other, "GET", "/queues").document()["total_queues"] == 0
        assert b'queue="a"' not in call(other, "GET", "/metrics").read()
