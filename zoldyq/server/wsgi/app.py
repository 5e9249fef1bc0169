"""The WSGI application: every route, for any threaded WSGI server and for ZoldyQ's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import falcon

from zoldyq import wire
from zoldyq.config import Settings
from zoldyq.metrics.prometheus import ZoldyQCollector, registry_of
from zoldyq.queue import QueueManager, Queues
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.operations import Limits, Operations
from zoldyq.server.websocket.sessions import WebSocketSessions
from zoldyq.server.wsgi.health import HealthResource, MetricsResource, ReadyResource
from zoldyq.server.wsgi.middleware import AccessMiddleware, answer_errors, server_is_safe
from zoldyq.server.wsgi.openapi import openapi_document
from zoldyq.server.wsgi.pages import FixedPage, dashboard
from zoldyq.server.wsgi.resources import (
    DequeueResource,
    EnqueueResource,
    PeekResource,
    PurgeResource,
    QueueResource,
    QueuesResource,
)
from zoldyq.server.wsgi.waiting import ThreadWaits


class ZoldyQApp(falcon.App[falcon.Request, falcon.Response]):
    """ZoldyQ as a WSGI application.

    ``max_waiting`` requests may wait at once where each holds a thread of the server.
    """

    def __init__(
        self,
        operations: Operations,
        access: AccessPolicy,
        sessions: WebSocketSessions,
        *,
        max_waiting: int,
    ) -> None:
        super().__init__(middleware=[AccessMiddleware(access)])
        self.operations = operations
        self.access = access
        self.sessions = sessions
        self._collector = ZoldyQCollector(
            operations.queues, operations.durations, lambda: sessions.open
        )
        answer_errors(self)
        self._route(ThreadWaits(max_waiting))

    def __call__(self, env: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request, or serve a WebSocket for as long as it lasts."""
        # Past Falcon, because under gunicorn a session ends with an exception that must get out.
        if _opens_websocket(env) and server_is_safe(env):
            return self.sessions.serve(env, start_response)
        return super().__call__(env, start_response)

    def drain(self, session_seconds: float) -> None:
        """Refuse new messages and end everything that waits; what is queued can still be taken.

        WebSocket sessions get ``session_seconds`` to close.
        """
        self.operations.queues.drain()
        self.sessions.close_all(session_seconds)

    def count_connections(self, connections: Callable[[], int]) -> None:
        """Have the metrics tell how many connections the server has open."""
        self._collector.connections = connections

    def _route(self, waits: ThreadWaits) -> None:
        operations = self.operations
        self.add_route("/queues", QueuesResource(operations))
        self.add_route("/queues/{name}", QueueResource(operations))
        self.add_route("/queues/{name}/enqueue", EnqueueResource(operations, waits))
        self.add_route("/queues/{name}/dequeue", DequeueResource(operations, waits))
        self.add_route("/queues/{name}/peek", PeekResource(operations))
        self.add_route("/queues/{name}/purge", PurgeResource(operations))
        self.add_route("/health", HealthResource(operations))
        self.add_route("/ready", ReadyResource(operations))
        self.add_route("/metrics", MetricsResource(registry_of(self._collector)))
        document = openapi_document(operations.limits, operations.queues.max_capacity)
        self.add_route("/openapi.json", FixedPage(document))
        for path, page in dashboard().items():
            self.add_route(path, FixedPage(page))


def create_app(settings: Settings | None = None, manager: Queues | None = None) -> ZoldyQApp:
    """Build the application.

    Without ``settings`` they are read from the environment and from the file it names, as a WSGI
    server can pass nothing; without ``manager`` the queues are new ones as the settings say.

    Raises:
        InvalidSetting: as :meth:`Settings.load`.
    """
    settings = Settings.load() if settings is None else settings
    if manager is None:
        manager = QueueManager(
            settings.default_queue_capacity, settings.max_queues, settings.max_bytes
        )
    limits = Limits(settings.max_timeout, settings.max_count, settings.max_body_bytes)
    operations = Operations(manager, limits)
    access = AccessPolicy(settings.tokens, settings.cors_origins)
    sessions = WebSocketSessions(
        operations,
        access,
        max_sessions=settings.max_websockets,
        max_message_bytes=settings.max_body_bytes,
        ping_seconds=settings.ping_seconds,
        send_seconds=settings.send_seconds,
    )
    return ZoldyQApp(operations, access, sessions, max_waiting=settings.max_waiting)


def _opens_websocket(environ: Mapping[str, Any]) -> bool:
    """Tell whether a request asks for a WebSocket on a path that has one."""
    if environ["REQUEST_METHOD"] != "GET":
        return False
    protocols = environ.get("HTTP_UPGRADE", "").lower().split(",")
    if "websocket" not in map(str.strip, protocols):
        return False
    return wire.split_queue_path(environ.get("PATH_INFO", "")) is not None
