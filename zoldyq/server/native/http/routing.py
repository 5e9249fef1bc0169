"""What is to be done with a request, worked out once for each head."""

from __future__ import annotations

import enum
from typing import NamedTuple

from zoldyq import wire
from zoldyq.contract.errors import ZoldyQError
from zoldyq.contract.routes import DEQUEUES
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.operations import DequeueCall, EnqueueCall, Operations
from zoldyq.server.api.refusals import refusal_reply
from zoldyq.server.api.router import ROUTER, Target
from zoldyq.server.native.http.head import Head
from zoldyq.wire import Headers, Reply


class Kind(enum.Enum):
    """Who answers a request."""

    LOOP = "the event loop"
    WEBSOCKET = "a thread of its own"
    APPLICATION = "the WSGI application, on the worker pool"


class Refusal(NamedTuple):
    """The reply to every request with the same fault in its head, and the code of the error."""

    code: str
    reply: Reply


class Route:
    """Where a request goes, with what is known of it before its body."""

    __slots__ = ("cors", "dequeue", "enqueue", "kind", "refusal", "target")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.cors: Headers = ()
        self.enqueue: EnqueueCall | None = None
        self.dequeue: DequeueCall | None = None
        self.refusal: Refusal | None = None
        self.target: Target | None = None


class Router:
    """Fills in the routes of new heads."""

    def __init__(self, operations: Operations, access: AccessPolicy) -> None:
        self._operations = operations
        self._access = access

    def prepare(self, head: Head) -> None:
        """Work out the head's route. Nothing is raised: a refusal is a route, too."""
        head.route = route = Route(Kind.APPLICATION)
        try:
            target = ROUTER.find(head.method, head.path, websocket=head.upgrade)
        except ZoldyQError:
            target = None  # the application says so
        route.target = target
        try:
            if target is not None:
                self._prepare_hot(head, route, target)
            self._operations.limits.check_body(head.content_length)
        except ZoldyQError as error:
            route.kind = Kind.LOOP
            route.enqueue = route.dequeue = None
            route.refusal = Refusal(error.code, refusal_reply(error, route.cors))

    def _prepare_hot(self, head: Head, route: Route, target: Target) -> None:
        """Take on what the event loop answers itself: no worker ever enqueues or dequeues."""
        operation = target.route.operation
        if target.route.websocket:
            route.kind = Kind.WEBSOCKET
        elif operation == "enqueue":
            self._admit(head, route, target)
            route.enqueue = self._operations.enqueue_call(
                target.name, head.query, head.header("content-type")
            )
            wire.check_content_encoding(head.header("content-encoding"))
            route.kind = Kind.LOOP
        elif operation in DEQUEUES:
            self._admit(head, route, target)
            route.dequeue = self._operations.dequeue_call(
                target.name, head.query, head.header("accept")
            )
            route.kind = Kind.LOOP

    def _admit(self, head: Head, route: Route, target: Target) -> None:
        route.cors = self._access.cors_headers(head.header("origin"))
        self._access.admit(target, head.header)
