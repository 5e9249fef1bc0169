from __future__ import annotations

import pytest

from tests.contract.raw import Api, request_bytes

INVALID_NAMES = [
    "-a",
    ".a",
    "_a",
    ":a",
    "a%20b",
    "a%0A",
    "%C3%A4",
    "%F0%9F%98%80",
    "a" * 129,
    "a,b",
    "a%00b",
    "%FF",
    "..",
    "a;b",
]
ALLOWED = {
    "/queues/a/enqueue": "OPTIONS, POST",
    "/queues/a/dequeue": "GET, OPTIONS, POST",
    "/queues/a/peek": "GET, HEAD, OPTIONS",
    "/queues/a/purge": "OPTIONS, POST",
    "/queues/a": "DELETE, GET, HEAD, OPTIONS, PATCH, PUT",
    "/queues": "GET, HEAD, OPTIONS",
    "/live": "GET, HEAD, OPTIONS",
    "/health": "GET, HEAD, OPTIONS",
    "/ready": "GET, HEAD, OPTIONS",
    "/metrics": "GET, HEAD, OPTIONS",
    "/openapi.json": "GET, HEAD, OPTIONS",
    "/": "GET, HEAD, OPTIONS",
}
VALID_NAMES = ["a", "7", "A.b_c:d-e", "%61", "z" * 128]


@pytest.mark.parametrize("name", INVALID_NAMES)
@pytest.mark.parametrize(
    ("method", "suffix"),
    [
        ("POST", "/enqueue"),
        ("GET", "/dequeue"),
        ("GET", "/peek"),
        ("POST", "/purge"),
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
    ],
)
def test_a_name_outside_the_rule_is_refused(api: Api, method: str, suffix: str, name: str) -> None:
    body = {"POST": b'{"payload":1}', "PUT": b'{"capacity":1}'}.get(method)
    response = api.request(method, f"/queues/{name}{suffix}", body)
    assert (response.status, response.code) == (400, "invalid_queue_name")
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", VALID_NAMES)
def test_a_name_within_the_rule_is_taken(api: Api, name: str) -> None:
    assert api.post(f"/queues/{name}/enqueue", {"payload": 1}).status == 200
    assert api.get(f"/queues/{name}/dequeue").status == 200
    assert api.delete(f"/queues/{name}").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/queues/a/",
        "/queues/a/b",
        "/queues/a/enqueue/",
        "/queues/a/enqueue/b",
        "/queues/a%2Fb/enqueue",
        "/queues/a/Enqueue",
        "/health/",
        "/ui/",
        "/ui/../server/run.py",
        "/ui/%2e%2e/server/run.py",
        "/favicon.ico",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "DELETE"])
def test_an_unknown_path_is_404(api: Api, method: str, path: str) -> None:
    response = api.request(method, path)
    assert response.status == 404
    assert response.headers["cache-control"] == "no-store"
    if method != "HEAD":
        assert response.code == "not_found"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (method, path)
        for path, allowed in ALLOWED.items()
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "BREW")
        if method not in allowed.split(", ")
    ],
)
def test_a_method_that_a_path_does_not_take_is_405(api: Api, method: str, path: str) -> None:
    response = api.request(method, path)
    assert (response.status, response.code) == (405, "method_not_allowed")
    assert response.headers["allow"] == ALLOWED[path]
    assert response.headers["cache-control"] == "no-store"


def test_options_tells_what_a_path_takes(api: Api) -> None:
    for path, allowed in ALLOWED.items():
        response = api.request("OPTIONS", path)
        assert (response.status, response.headers["allow"]) == (204, allowed)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/nothing", 404),
        ("/queues/a/dequeue", 405),
        ("/queues/a/enqueue", 405),
        ("/queues/-a", 400),
        ("/queues/nobody-made-this", 404),
        ("/queues/a/peek?count=0", 400),
        ("/health", 403),
    ],
)
def test_a_refused_head_has_no_content_and_keeps_the_connection(
    api: Api, target: str, status: int
) -> None:
    headers = {"origin": "http://evil.example"} if status == 403 else {}
    with api.wire() as wire:
        wire.send(request_bytes("HEAD", target, **headers) + request_bytes("GET", "/live"))
        assert wire.response(head=True).status == status
        # Content after HEAD would be taken for the answer to the next request.
        assert wire.response().json() == {"alive": True}
