"""One router says what a request is; every spelling of a path means one thing."""

from __future__ import annotations

import pytest

from zoldyq.contract.errors import MethodNotAllowed, NotFound
from zoldyq.contract.routes import OPTIONS, ROUTES, Route
from zoldyq.server.api.router import ROUTER, Router, asks_for_websocket, target_of


def path_of(route: Route) -> str:
    """A path that a route answers."""
    return route.path.format(name="a", file="a")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_each_line_of_the_table_is_found(route: Route) -> None:
    target = ROUTER.find(route.method, path_of(route), websocket=route.websocket)
    assert target.route is route
    assert target.name == ("a" if "{" in route.path else "")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
def test_head_is_get_where_the_table_says_so(route: Route) -> None:
    if route.head:
        assert ROUTER.find("HEAD", path_of(route)).route is route
    elif route.method == "GET":
        with pytest.raises(MethodNotAllowed):
            ROUTER.find("HEAD", path_of(route))


def test_operations_have_names_of_their_own() -> None:
    assert len({route.operation for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("path", ["/queues", "/queues/a/enqueue", "/", "*"])
def test_options_is_answered_everywhere(path: str) -> None:
    assert ROUTER.find("OPTIONS", path).route is OPTIONS


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/queues/a/enqueue", "OPTIONS, POST"),
        ("/queues/a/dequeue", "GET, OPTIONS, POST"),
        ("/queues/a", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("*", "OPTIONS"),
    ],
)
def test_a_method_that_a_path_does_not_take_is_refused_with_those_it_takes(
    path: str, allow: str
) -> None:
    with pytest.raises(MethodNotAllowed) as refusal:
        ROUTER.find("BREW", path)
    assert refusal.value.details["allow"] == allow


def test_a_websocket_is_another_request_than_a_get() -> None:
    assert ROUTER.find("GET", "/queues/a/dequeue").route.operation == "dequeue_by_get"
    asked = ROUTER.find("GET", "/queues/a/dequeue", websocket=True)
    assert asked.route.operation == "stream_out"
    assert ROUTER.find("POST", "/queues/a/dequeue", websocket=True).route.operation == "dequeue"
    assert ROUTER.find("GET", "/health", websocket=True).route.operation == "health"


@pytest.mark.parametrize("slashes", ["//", "///", "/////"])
@pytest.mark.parametrize("path", ["queues/a/dequeue", "queues", "health", ""])
def test_surplus_slashes_at_the_beginning_mean_nothing(slashes: str, path: str) -> None:
    assert ROUTER.find("GET", slashes + path) == ROUTER.find("GET", f"/{path}")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "queues",
        "queues/a/dequeue",
        "*/queues",
        "/queues/a/",
        "/queues/a/dequeue/",
        "/queues//a/dequeue",
        "/queues/a//dequeue",
        "/./queues/a/dequeue",
        "/x/../queues/a/dequeue",
        "/Queues/a/dequeue",
        "/queues/a/Dequeue",
        "/queues/a/dequeue;x",
        "/queues/a/dequeue ",
        "/queues/{name}/enqueue/",
        "/queues/a/b/dequeue",
        "/health/",
        "/ui",
        "/ui/",
        "/ui/a/b",
    ],
)
def test_any_other_spelling_is_another_path(path: str) -> None:
    with pytest.raises(NotFound):
        ROUTER.find("GET", path)


@pytest.mark.parametrize("name", ["", "{name}", "-", ".", "..", "a b", "\xff", "enqueue"])
def test_a_name_is_returned_as_it_is(name: str) -> None:
    assert ROUTER.find("GET", f"/queues/{name}/dequeue").name == name


def test_a_name_that_is_not_the_second_part_of_a_path_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="second part"):
        Router([Route("wrong", "GET", "/a/b/{name}")])


@pytest.mark.parametrize(
    ("upgrade", "asks"),
    [
        (None, False),
        ("", False),
        ("h2c", False),
        ("websockets", False),
        ("websocket", True),
        ("WebSocket", True),
        ("h2c, websocket", True),
    ],
)
def test_the_header_upgrade_asks_for_a_websocket(upgrade: str | None, asks: bool) -> None:
    assert asks_for_websocket(upgrade) is asks


class TestWsgiEnvironments:
    def test_method_path_and_upgrade_are_read(self) -> None:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/queues/a/enqueue"}
        with pytest.raises(MethodNotAllowed):
            target_of(environ)
        target = target_of({**environ, "HTTP_UPGRADE": "websocket"})
        assert (target.route.operation, target.name) == ("stream_in", "a")

    def test_an_empty_path_is_the_root(self) -> None:
        assert target_of({"REQUEST_METHOD": "GET"}).route.operation == "dashboard"

    def test_a_target_that_is_known_is_not_looked_for_again(self) -> None:
        known = ROUTER.find("GET", "/health")
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/queues", "zoldyq.target": known}
        assert target_of(environ) is known
