"""Tokens, and web pages of other origins."""

from __future__ import annotations

import pytest

from tests.contract.conftest import Start
from tests.contract.raw import Api
from tests.contract.servers import KINDS

ALLOWED = "https://app.example.org"
FOREIGN = "https://evil.example.org"


@pytest.fixture(scope="module")
def guarded(kind: str, start_server: Start) -> Api:
    """A server with two tokens and one origin that is allowed."""
    server = start_server(
        kind, token="first-secret,second-secret", cors_origins=ALLOWED, drain_seconds=0
    )
    return Api(server.address)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/queues/a/enqueue"),
        ("GET", "/queues/a/dequeue"),
        ("GET", "/queues/a/peek"),
        ("GET", "/queues"),
        ("GET", "/queues/a"),
        ("PUT", "/queues/a"),
        ("DELETE", "/queues/a"),
        ("POST", "/queues/a/purge"),
        ("GET", "/metrics"),
        ("GET", "/nothing"),
        ("PATCH", "/queues/a/dequeue"),
    ],
)
@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer wrong", "Bearer", "Basic first-secret", "Bearer first-secret2", "first-secret"],
)
def test_without_a_token_nobody_comes_in(
    guarded: Api, method: str, target: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    response = guarded.request(method, target, **headers)
    assert (response.status, response.code) == (401, "unauthorized")
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["cache-control"] == "no-store"
    assert b"secret" not in response.body


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
@pytest.mark.parametrize("token", ["first-secret", "second-secret"])
def test_each_token_lets_in(guarded: Api, queue: str, scheme: str, token: str) -> None:
    authorization = f"{scheme} {token}"
    path = f"/queues/{queue}"
    response = guarded.post(f"{path}/enqueue", {"payload": 1}, authorization=authorization)
    assert response.status == 200
    assert guarded.get(f"{path}/dequeue", authorization=authorization).status == 200
    assert guarded.delete(path, authorization=authorization).status == 200


@pytest.mark.parametrize("target", ["/health", "/ready", "/"])
def test_some_paths_stay_open(guarded: Api, target: str) -> None:
    assert guarded.get(target).status == 200


def test_a_token_in_the_query_lets_nobody_in(guarded: Api) -> None:
    assert guarded.get("/queues?token=first-secret").status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": FOREIGN},
        {"origin": "null"},
        {"origin": "http://zoldyq.evil.example.org"},
        {"origin": "http://zoldyq:9001"},
        {"origin": f"{ALLOWED}:444"},
        {"origin": ALLOWED.replace("https", "http")},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://zoldyq", "sec_fetch_site": "cross-site"},
    ],
)
@pytest.mark.parametrize("target", ["enqueue", "dequeue", "peek", ""])
def test_pages_of_other_origins_are_kept_out(
    api: Api, queue: str, target: str, headers: dict[str, str]
) -> None:
    api.enqueue(queue, 1)
    method = "POST" if target == "enqueue" else "GET"
    body = {"payload": 2} if target == "enqueue" else None
    response = api.request(method, f"/queues/{queue}/{target}".rstrip("/"), body, **headers)
    assert (response.status, response.code) == (403, "forbidden_origin")
    assert "access-control-allow-origin" not in response.headers
    assert response.headers["cache-control"] == "no-store"
    assert api.drain(queue) == [1]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "localhost", "origin": "http://localhost"},
        {"host": "localhost", "origin": "http://localhost:80"},
        {"host": "127.0.0.1", "origin": "https://127.0.0.1", "sec_fetch_site": "same-origin"},
        {"host": "[::1]:9000", "origin": "http://[::1]:9000"},
        {"host": "queues.localhost:9000", "sec_fetch_site": "none"},
    ],
)
def test_its_own_pages_come_in(api: Api, queue: str, headers: dict[str, str]) -> None:
    path = f"/queues/{queue}"
    assert api.post(f"{path}/enqueue", {"payload": 1}, **headers).status == 200
    assert api.get(f"{path}/dequeue", **headers).status == 200
    assert api.get(path, **headers).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example.org:9000"},
        {"sec_fetch_site": "same-origin", "sec_fetch_mode": "cors", "sec_fetch_dest": "empty"},
        {"accept_language": "en", "user_agent": "Mozilla/5.0"},
    ],
)
@pytest.mark.parametrize("target", ["enqueue", "dequeue", "peek", ""])
def test_pages_under_a_forged_name_are_kept_out(
    api: Api, queue: str, target: str, headers: dict[str, str]
) -> None:
    api.enqueue(queue, 1)
    method = "POST" if target == "enqueue" else "GET"
    path = f"/queues/{queue}/{target}".rstrip("/")
    response = api.request(method, path, host="evil.example.org:9000", **headers)
    assert (response.status, response.code) == (403, "forbidden_host")
    assert response.json()["host"] == "evil.example.org:9000"
    assert "--allowed-host" in response.json()["message"]
    assert api.drain(queue) == [1]


def test_a_name_that_is_allowed_lets_browsers_in(kind: str, start_server: Start) -> None:
    server = start_server(
        kind, host="127.0.0.1", allowed_hosts="queues.example.org,*.below.org", drain_seconds=0
    )
    api = Api(server.address)
    for host in ("queues.example.org:9000", "a.below.org"):
        assert api.get("/health", host=host, origin=f"http://{host}").status == 200
    for host in ("below.org", "example.org"):
        assert api.get("/health", host=host, origin=f"http://{host}").code == "forbidden_host"


@pytest.mark.parametrize("target", ["/queues/{}/enqueue", "/queues/{}/dequeue", "/health"])
def test_an_allowed_origin_may_read_the_replies(guarded: Api, queue: str, target: str) -> None:
    response = guarded.request(
        "POST" if target.endswith("enqueue") else "GET",
        target.format(queue),
        {"payload": 1} if target.endswith("enqueue") else None,
        authorization="Bearer first-secret",
        origin=ALLOWED,
        sec_fetch_site="cross-site",
    )
    assert response.status in (200, 204)
    assert response.headers["access-control-allow-origin"] == ALLOWED
    assert response.headers["vary"] == "Origin"


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/queues/a/dequeue"), ("GET", "/queues/-/dequeue"), ("GET", "/nothing")],
)
def test_an_allowed_origin_may_read_errors(guarded: Api, method: str, target: str) -> None:
    for authorization in ("Bearer wrong", "Bearer first-secret"):
        response = guarded.request(method, target, origin=ALLOWED, authorization=authorization)
        assert response.headers["access-control-allow-origin"] == ALLOWED


@pytest.mark.parametrize("target", ["/queues/a/enqueue", "/queues/a/dequeue", "/queues/a"])
def test_a_preflight_needs_no_token(guarded: Api, target: str) -> None:
    asked = {
        "access_control_request_method": "POST",
        "access_control_request_headers": "authorization,content-type",
    }
    response = guarded.request("OPTIONS", target, origin=ALLOWED, **asked)
    assert response.status == 204
    assert response.headers["access-control-allow-origin"] == ALLOWED
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "Authorization" in response.headers["access-control-allow-headers"]
    refused = guarded.request("OPTIONS", target, origin=FOREIGN, **asked)
    assert refused.status == 403
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize("server_kind", KINDS)
def test_neither_tokens_nor_payloads_are_logged(start_server: Start, server_kind: str) -> None:
    server = start_server(server_kind, token="top-secret", log_level="debug", drain_seconds=0)
    api = Api(server.address, authorization="Bearer top-secret")
    api.enqueue("a", "private words")
    api.post("/queues/a/enqueue", b'{"payload": private words')
    api.get("/queues/a/dequeue", authorization="Bearer other-secret")
    api.get("/nothing")
    server.stop()
    logged = server.log.read_text() + server.out.read_text()
    assert "secret" not in logged
    assert "private" not in logged
