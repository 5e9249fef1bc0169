"""What is to be done with a request, worked out once for each head."""

from __future__ import annotations

import enum

from zoldyq import wire
from zoldyq.contract.errors import ZoldyQError
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.operations import DequeueCall, EnqueueCall, Operations
from zoldyq.server.native.http.buffer import Head
from zoldyq.wire import Headers, Reply


class Kind(enum.IntEnum):
    """Who answers a request."""

    ENQUEUE = 1  # the event loop
    DEQUEUE = 2  # the event loop
    REFUSED = 3  # the event loop, with the same reply each time
    WEBSOCKET = 4  # a thread of its own
    APPLICATION = 5  # the WSGI application, on the worker pool


class Route:
    """Where a request goes, with what is known of it before its body."""

    __slots__ = ("cors", "dequeue", "enqueue", "kind", "refusal")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.cors: Headers = ()
        self.enqueue: EnqueueCall | None = None
        self.dequeue: DequeueCall | None = None
        self.refusal: Reply | None = None


class Router:
    """Fills in the routes of new heads."""

    def __init__(self, operations: Operations, access: AccessPolicy) -> None:
        self._operations = operations
        self._access = access

    def prepare(self, head: Head) -> None:
        """Work out the head's route. Nothing is raised: a refusal is a route, too."""
        head.route = route = Route(Kind.APPLICATION)
        queue_path = wire.split_queue_path(head.path)
        try:
            if queue_path is not None:
                self._prepare_hot(head, route, *queue_path)
            self._operations.limits.check_body(head.content_length)
        except ZoldyQError as error:
            route.kind = Kind.REFUSED
            route.enqueue = route.dequeue = None
            route.refusal = wire.error_reply(error, route.cors)

    def _prepare_hot(self, head: Head, route: Route, name: str, verb: str) -> None:
        if head.method == "GET" and head.upgrade:
            route.kind = Kind.WEBSOCKET
            return
        if (head.method, verb) not in (("POST", "enqueue"), ("GET", "dequeue")):
            return
        route.cors = self._access.cors_headers(head.header("origin"))
        self._access.admit(head.path, head.header)
        if verb == "enqueue":
            route.enqueue = self._operations.enqueue_call(
                name, head.query, head.header("content-type")
            )
            wire.check_content_encoding(head.header("content-encoding"))
            route.kind = Kind.ENQUEUE
        else:
            route.dequeue = self._operations.dequeue_call(name, head.query, head.header("accept"))
            route.kind = Kind.DEQUEUE
