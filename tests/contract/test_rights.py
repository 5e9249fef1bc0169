"""Rights of tokens: every right against every request, on every server."""

from __future__ import annotations

import base64
import hashlib
import re
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.certificates import shared_authority
from tests.contract.conftest import Start
from tests.contract.raw import Api, Response, Wire, request_bytes
from tests.contract.servers import ServerProcess
from tests.helpers import wait_until
from zoldyq.contract.routes import ROUTES, Right, Route

#: What a request carries in its body.
BODIES = {"enqueue": b'{"payload":1}', "create_queue": b'{"capacity":10}'}
UPGRADE = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec_websocket_version": "13",
    "sec_websocket_key": base64.b64encode(b"0123456789abcdef").decode(),
}


def entry(name: str, rights: Iterable[str], queues: Iterable[str] = ("*",)) -> str:
    """A token of the file; its secret is its name."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return (
        f'[[token]]\nname = "{name}"\nsha256 = "{digest}"\n'
        f"rights = {list(map(str, rights))}\nqueues = {list(queues)}\n"
    )


def bearer(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


#: One token for each right, one for all, and one for some queues alone.
TOKENS = "".join(entry(right, [right]) for right in Right)
TOKENS += entry("all", Right) + entry("mail", Right, ["mail.*"])


@pytest.fixture(scope="module")
def guarded(kind: str, start_server: Start, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """A server with these tokens, and one that may do everything."""
    file = tmp_path_factory.mktemp("tokens") / "tokens.toml"
    file.write_text(TOKENS)
    server = start_server(
        kind, tokens_file=file, token="master", max_queues=10_000, threads=24, drain_seconds=0
    )
    return Api(server.address)


def ask(api: Api, route: Route, queue: str, headers: dict[str, str]) -> Response:
    """Send a request as a route has it, as a WebSocket handshake if it is one."""
    path = route.path.format(name=queue, file="style.css")
    more = UPGRADE if route.websocket else {}
    return api.request(route.method, path, BODIES.get(route.operation), **headers, **more)


def is_let_in(response: Response) -> bool:
    """Whether a request was not refused for want of a right, whatever became of it."""
    return response.status not in (401, 403)


def test_a_move_needs_the_right_to_enqueue_to_the_other_queue(
    kind: str, guarded: Api, queue: str
) -> None:
    guarded.post(f"/queues/{queue}/enqueue", {"payload": 1}, **bearer("all"))
    refused = guarded.post(f"/queues/{queue}/move?to=mail.to", **bearer(Right.CONSUME))
    assert (refused.status, refused.code) == (403, "forbidden")
    document = refused.json()
    assert (document["right"], document["queue_name"]) == (Right.PRODUCE, "mail.to")
    guarded.post("/queues/mail.from/enqueue", {"payload": 1}, **bearer("all"))
    allowed = 501 if kind == "redis-cluster" else 200
    for to, status in ((queue, 403), ("mail.to", allowed)):
        response = guarded.post(f"/queues/mail.from/move?to={to}", **bearer("mail"))
        assert response.status == status, response
    for name in ("mail.from", "mail.to"):
        guarded.delete(f"/queues/{name}", **bearer("all"))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
class TestEveryRoute:
    @pytest.mark.parametrize("right", Right)
    def test_one_right_opens_what_needs_it(
        self, guarded: Api, queue: str, route: Route, right: Right
    ) -> None:
        response = ask(guarded, route, queue, bearer(right))
        if route.right in (None, right):
            assert is_let_in(response), response
        else:
            assert (response.status, response.code) == (403, "forbidden")
            document = response.json()
            assert (document["token"], document["right"]) == (right, route.right)
            assert document.get("queue_name") == (queue if "{name}" in route.path else None)
            assert response.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize("token", ["all", "master"])
    def test_all_rights_open_everything(
        self, guarded: Api, queue: str, route: Route, token: str
    ) -> None:
        assert is_let_in(ask(guarded, route, queue, bearer(token)))

    @pytest.mark.parametrize("token", ["unknown", ""])
    def test_without_a_known_token_only_open_paths_answer(
        self, guarded: Api, queue: str, route: Route, token: str
    ) -> None:
        response = ask(guarded, route, queue, bearer(token) if token else {})
        if route.right is None:
            assert is_let_in(response)
        else:
            assert (response.status, response.code) == (401, "unauthorized")

    @pytest.mark.parametrize(("queue", "may"), [("mail.in", True), ("mail", False)])
    def test_a_token_reaches_the_queues_of_its_patterns_alone(
        self, guarded: Api, route: Route, queue: str, may: bool
    ) -> None:
        response = ask(guarded, route, queue, bearer("mail"))
        if route.every_queue:
            assert response.code == "forbidden"
        elif "{name}" in route.path:
            assert is_let_in(response) is may
        else:
            assert is_let_in(response)


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route.right is not None and not route.websocket],
    ids=lambda route: route.operation,
)
def test_no_other_spelling_passes_a_right_by(guarded: Api, queue: str, route: Route) -> None:
    weak = next(right for right in Right if right is not route.right)
    path = route.path.format(name=queue)
    for spelling in (f"/{path}", f"//{path}", f"/%2F{path[1:]}", f"/%71{path[2:]}", f"{path}/"):
        response = guarded.request(
            route.method, spelling, BODIES.get(route.operation), **bearer(weak)
        )
        assert response.status in (403, 404), (spelling, response)


def test_a_list_has_the_queues_that_a_token_may_see(guarded: Api, queue: str) -> None:
    for name in ("mail.in", queue):
        guarded.put(f"/queues/{name}", {"capacity": 10}, **bearer("all"))
    for path in ("/queues", "/health"):
        assert set(guarded.get(path, **bearer("mail")).json()["queues"]) == {"mail.in"}
        everything = guarded.get(path, **bearer("observe")).json()
        assert {"mail.in", queue} <= set(everything["queues"])
        assert everything["total_queues"] == len(everything["queues"])


@pytest.mark.parametrize("headers", [{}, bearer("unknown"), bearer("produce")])
def test_health_tells_strangers_nothing_of_the_queues(
    guarded: Api, queue: str, headers: dict[str, str]
) -> None:
    guarded.put(f"/queues/{queue}", {"capacity": 10}, **bearer("all"))
    document = guarded.get("/health", **headers).json()
    assert set(document) == {"status", "version", "uptime_seconds"}
    assert guarded.get("/ready", **headers).json() == {"ready": True}


def test_refusals_are_counted_by_token(guarded: Api, queue: str) -> None:
    def count(name: str) -> float:
        text = guarded.get("/metrics", **bearer("observe")).body.decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    forbidden = 'zoldyq_forbidden_total{token="produce"}'
    names = ("zoldyq_unauthorized_total", forbidden, 'zoldyq_refused_total{reason="forbidden"}')
    before = [count(name) for name in names]
    for path in (f"/queues/{queue}/dequeue", f"/queues/{queue}", "/metrics"):
        guarded.get(path, **bearer("produce"))
        guarded.get(path, **bearer("unknown"))
    assert [count(name) for name in names] == [each + 3 for each in before]


@pytest.mark.parametrize(("token", "status"), [("unknown", 401), ("consume", 403)])
@pytest.mark.parametrize("path", ["/queues/a/enqueue", "/queues/a"])
def test_a_body_is_not_read_before_its_sender_is_let_in(
    guarded: Api, kind: str, token: str, status: int, path: str
) -> None:
    if kind == "waitress":
        pytest.skip("waitress reads a body before it calls the application")
    method = "POST" if path.endswith("enqueue") else "PUT"
    with guarded.wire() as wire:
        head = request_bytes(method, path, None, content_length="1000", **bearer(token))
        wire.send(head)
        assert wire.response().status == status


class TestReload:
    """SIGHUP reads the tokens again, on ZoldyQ's own servers."""

    @pytest.fixture(params=["native", "tls", "waitress"])
    def own_kind(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "tokens.toml"
        path.write_text(entry("old", Right))
        return path

    @pytest.fixture
    def server(self, own_kind: str, run_server: Start, file: Path) -> ServerProcess:
        return run_server(own_kind, tokens_file=file, drain_seconds=0)

    @pytest.fixture
    def reload(self, server: ServerProcess, file: Path) -> Callable[..., None]:
        """Write the file anew and wait until the server has taken note of it."""

        def reload(text: str, expected: str = "tokens were read again") -> None:
            before = server.log.read_text().count(expected)
            file.write_text(text)
            server.signal(signal.SIGHUP)
            wait_until(lambda: server.log.read_text().count(expected) > before)

        return reload

    def test_a_withdrawn_token_stops_with_the_next_request_on_its_connection(
        self, server: ServerProcess, reload: Callable[..., None]
    ) -> None:
        requests = (
            request_bytes("POST", "/queues/a/enqueue", b'{"payload":1}', **bearer("old")),
            request_bytes("GET", "/queues/a", **bearer("old")),
            request_bytes("POST", "/queues/a/dequeue", b"", **bearer("old")),
        )
        with Wire(server.address) as wire:

            def statuses() -> list[int]:
                found = []
                for request in requests:
                    wire.send(request)
                    found.append(wire.response().status)
                return found

            assert statuses() == statuses() == [200, 200, 200]
            reload(entry("new", Right))
            assert statuses() == [401, 401, 401]
            reload(entry("old", [Right.PRODUCE]))
            assert statuses() == [200, 403, 403]
            reload(entry("old", Right, ["b*"]))
            assert statuses() == [403, 403, 403]

    def test_a_head_that_is_repeated_to_the_letter_does_not_outlive_its_token(
        self, server: ServerProcess, reload: Callable[..., None]
    ) -> None:
        request = request_bytes("POST", "/queues/a/enqueue", b'{"payload":1}', **bearer("old"))
        with Wire(server.address) as wire:

            def status() -> int:
                wire.send(request)
                return wire.response().status

            assert [status() for _ in range(5)] == [200] * 5
            reload(entry("new", Right))
            assert [status() for _ in range(5)] == [401] * 5
            reload(entry("old", Right))
            assert [status() for _ in range(5)] == [200] * 5

    def test_a_request_that_waits_is_answered_after_its_token_is_withdrawn(
        self, server: ServerProcess, reload: Callable[..., None]
    ) -> None:
        api = Api(server.address, **bearer("old"))
        api.put("/queues/a", {"capacity": 10})
        with api.wire() as wire:
            wire.send(request_bytes("GET", "/queues/a/dequeue?timeout=60", **bearer("old")))
            wait_until(lambda: api.stats("a")["waiting_consumers"] == 1)
            reload(entry("new", Right))
            new = Api(server.address, **bearer("new"))
            new.enqueue("a", 1)
            assert wire.response().json()["payload"] == 1

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "has no token"),
            ("[[token", "is not TOML"),
            (entry("a", Right) + entry("a", Right), "two tokens have the name"),
            (entry("a", ["write"]), "rights has to be"),
            (entry("a", Right, ["-"]), "matches no queue name"),
        ],
    )
    def test_a_mistake_in_the_file_changes_nothing_and_is_one_line(
        self, server: ServerProcess, reload: Callable[..., None], text: str, reason: str
    ) -> None:
        reload(text, "tokens stay as they were")
        assert Api(server.address, **bearer("old")).get("/queues").status == 200
        errors = [line for line in server.log.read_text().splitlines() if "ERROR" in line]
        assert len(errors) == 1
        assert reason in errors[0]

    @pytest.mark.parametrize("server_kind", ["native", "waitress"])
    def test_without_a_file_nothing_happens(self, server_kind: str, run_server: Start) -> None:
        server = run_server(server_kind, drain_seconds=0)
        server.signal(signal.SIGHUP)
        wait_until(lambda: "no file to read again" in server.log.read_text())
        assert Api(server.address).get("/live").status == 200


class TestSessions:
    """WebSocket sessions end with what they were opened with."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "tokens.toml"
        path.write_text(entry("old", Right) + entry("other", Right))
        return path

    @pytest.fixture(params=["native", "tls"])
    def server(
        self, request: pytest.FixtureRequest, run_server: Start, file: Path
    ) -> ServerProcess:
        return run_server(request.param, tokens_file=file, drain_seconds=0)

    def open(self, server: ServerProcess, name: str, verb: str) -> ClientConnection:
        url = f"{server.url.replace('http', 'ws')}/queues/a/{verb}"
        stream: ClientConnection = connect(
            url,
            additional_headers={"Authorization": f"Bearer {name}"},
            compression=None,
            ssl=shared_authority().context() if server.secure else None,
        )
        return stream

    @pytest.mark.parametrize(
        "tokens",
        [
            entry("other", Right),
            entry("other", Right) + entry("old", [Right.OBSERVE, Right.MANAGE]),
            entry("other", Right) + entry("old", Right, ["b"]),
        ],
        ids=["token withdrawn", "rights shrunk", "queues shrunk"],
    )
    def test_they_are_closed_with_1008_when_their_right_is_gone(
        self, server: ServerProcess, file: Path, tokens: str
    ) -> None:
        with (
            self.open(server, "old", "dequeue") as consumer,
            self.open(server, "old", "enqueue") as producer,
            self.open(server, "other", "dequeue") as untouched,
        ):
            file.write_text(tokens)
            server.signal(signal.SIGHUP)
            for stream in (consumer, producer):
                with pytest.raises(ConnectionClosed) as closed:
                    stream.recv(timeout=20)
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 1008
            Api(server.address, **bearer("other")).enqueue("a", 1)
            assert b'"payload":1' in str(untouched.recv(timeout=20)).encode()


@pytest.mark.parametrize("server_kind", ["native", "waitress"])
def test_a_server_does_not_start_with_a_mistake_in_its_tokens_file(
    run_server: Start, tmp_path: Path, server_kind: str
) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text(entry("a", ["write"]))
    file.chmod(0o600)
    server = run_server(server_kind, ready=False, tokens_file=file)
    assert server.exit_code() == 2
    (line,) = server.log.read_text().splitlines()
    assert line.startswith("zoldyq: ")
    assert "rights has to be" in line
