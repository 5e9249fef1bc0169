"""What is to be done with a request, worked out once for each head."""

from __future__ import annotations

from zoldyq import wire
from zoldyq.contract.errors import ZoldyQError
from zoldyq.contract.routes import DEQUEUES
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.operations import Operations
from zoldyq.server.api.refusals import refusal_reply
from zoldyq.server.api.router import ROUTER, Target
from zoldyq.server.native.http.head import Head
from zoldyq.server.native.http.route import Kind, Refusal, Route


class Router:
    """Fills in the routes of new heads."""

    def __init__(self, operations: Operations, access: AccessPolicy) -> None:
        self._operations = operations
        self._access = access

    @property
    def max_body_bytes(self) -> int:
        """How large a body may be."""
        return self._operations.limits.max_body_bytes

    def prepare(self, head: Head, length: int) -> bool:
        """Work out the route of a head whose body has ``length`` bytes, 0 for one in chunks.

        Nothing is raised: a refusal is a route, too. Return whether all headers of the head are
        wanted, and not only those that matter to the event loop.
        """
        head.route = route = Route(Kind.APPLICATION)
        try:
            target = ROUTER.find(head.method, head.path, websocket=head.upgrade)
        except ZoldyQError:
            target = None  # the application says so
        route.target = target
        try:
            self._admit(head, route)
            if target is not None:
                self._prepare_hot(head, route, target)
            self._operations.limits.check_body(length)
        except ZoldyQError as error:
            route.kind = Kind.LOOP
            route.enqueue = route.dequeue = None
            reply = refusal_reply(error, route.cors)
            route.refusal = Refusal(error.code, reply, error.details.get("token"))
        return route.kind is not Kind.LOOP

    def _admit(self, head: Head, route: Route) -> None:
        """Refuse who may not come in, before any of the body is read.

        A WebSocket has no body, and its session looks at its token itself.
        """
        if route.target is None or not route.target.route.websocket:
            route.cors = self._access.reply_headers(head.method, head.header)
            self._access.admit(route.target, head.header)

    def _prepare_hot(self, head: Head, route: Route, target: Target) -> None:
        """Take on what the event loop answers itself: no worker ever enqueues or dequeues."""
        operation = target.route.operation
        if target.route.websocket:
            route.kind = Kind.WEBSOCKET
        elif operation == "enqueue":
            route.enqueue = self._operations.enqueue_call(
                target.name, head.query, head.header("content-type")
            )
            wire.check_content_encoding(head.header("content-encoding"))
            route.kind = Kind.LOOP
        elif operation in DEQUEUES:
            route.dequeue = self._operations.dequeue_call(
                target.name, head.query, head.header("accept")
            )
            route.kind = Kind.LOOP
