"""What a request is, decided from its method and path alone, and decided here only.

The native server and the WSGI application both ask this router, so that no spelling of a path can
mean one thing to the one and another thing to the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from zoldyq.contract.errors import MethodNotAllowed, NotFound
from zoldyq.contract.routes import OPTIONS, ROUTES, Route
from zoldyq.wire import members_of

#: Where a WSGI environment holds the :class:`Target` of the request, once it is known.
TARGET_KEY = "zoldyq.target"

#: The path of OPTIONS for the server as a whole (RFC 9110, section 9.3.7).
_SERVER = "*"


class Target(NamedTuple):
    """What a request is about.

    ``name`` is that of a queue or of a file, and not checked yet; it is empty where the path has
    none. ``allow`` are the methods that the path takes, as the header ``Allow`` lists them.
    """

    route: Route
    name: str
    allow: str


class Resource:
    """A path, with the requests that it answers."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._plain: dict[str, Route] = {"OPTIONS": OPTIONS}
        self._websocket: Route | None = None
        for route in routes:
            if route.websocket:
                self._websocket = route
                continue
            self._plain[route.method] = route
            if route.head:
                self._plain["HEAD"] = route
        self.allow = ", ".join(sorted(self._plain))

    def route(self, method: str, *, websocket: bool) -> Route | None:
        """Return what a method means here, None where it is not allowed."""
        if websocket and method == "GET" and self._websocket is not None:
            return self._websocket
        return self._plain.get(method)


class Router:
    """Finds routes. It never changes, so any thread may ask it."""

    def __init__(self, routes: Iterable[Route] = ROUTES) -> None:
        by_path: dict[str, list[Route]] = {}
        for route in routes:
            by_path.setdefault(route.path, []).append(route)
        resources = {path: Resource(group) for path, group in by_path.items()}
        self._server = Resource(())
        self._fixed = {path: found for path, found in resources.items() if "{" not in path}
        self._named = {_key_of(path): found for path, found in resources.items() if "{" in path}

    def find(self, method: str, path: str, *, websocket: bool = False) -> Target:
        """Return what a request is.

        ``path`` is percent-decoded, one character a byte. Several slashes at its beginning count
        as one: base URLs may end in a slash, and some servers leave out the surplus ones before
        anybody sees them. Any other spelling is another path. ``websocket`` tells that the request
        asks for a WebSocket.

        Raises:
            NotFound: there is nothing at this path.
            MethodNotAllowed: the path does not take the method; its detail ``allow`` has those
                that it takes.
        """
        resource, name = self._resource(path)
        route = resource.route(method, websocket=websocket)
        if route is None:
            raise MethodNotAllowed(f"this path takes {resource.allow}", allow=resource.allow)
        return Target(route, name, resource.allow)

    def _resource(self, path: str) -> tuple[Resource, str]:
        if path == _SERVER:
            return self._server, ""
        if path.startswith("/"):
            path = "/" + path.lstrip("/")
            if path in self._fixed:
                return self._fixed[path], ""
            parts = path.split("/")
            named = self._named.get((*parts[:2], *parts[3:])) if len(parts) > 2 else None
            # An empty name of a queue is a wrong name, and the client is told so.
            if named is not None and (parts[2] or parts[1] == "queues"):
                return named, parts[2]
        raise NotFound("there is nothing here: see /openapi.json")


def target_of(environ: Mapping[str, Any]) -> Target:
    """Return what a WSGI request is: as its environment says, or else as the router does.

    Raises:
        NotFound, MethodNotAllowed: as :meth:`Router.find`.
    """
    known: Target | None = environ.get(TARGET_KEY)
    if known is not None:
        return known
    return ROUTER.find(
        environ["REQUEST_METHOD"],
        # An empty path is that of the application's root (RFC 3875, section 4.1.5).
        environ.get("PATH_INFO") or "/",
        websocket=asks_for_websocket(environ.get("HTTP_UPGRADE")),
    )


def asks_for_websocket(upgrade: str | None) -> bool:
    """Tell whether an ``Upgrade`` header names WebSocket among its protocols."""
    return "websocket" in members_of((upgrade or "").lower())


def _key_of(path: str) -> tuple[str, ...]:
    """Return the parts of a pattern but for the name, which is always the second."""
    parts = path.split("/")
    if not parts[2].startswith("{"):
        raise ValueError(f"a name has to be the second part of a path: {path}")
    return (*parts[:2], *parts[3:])


#: The router of all servers, as there is one table.
ROUTER = Router()
