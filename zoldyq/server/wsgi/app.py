"""The WSGI application: every route, for any threaded WSGI server and for ZoldyQ's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import falcon
from falcon import Request, Response
from prometheus_client.core import Metric

from zoldyq.config import Settings
from zoldyq.contract.errors import ZoldyQError
from zoldyq.contract.routes import OPTIONS
from zoldyq.metrics.engine import engine_families
from zoldyq.metrics.prometheus import LIMITS, Metrics
from zoldyq.queue import Queues, QueueSet
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.operations import Limits, Operations
from zoldyq.server.api.remote import RemoteOperations, RemoteQueues
from zoldyq.server.api.router import TARGET_KEY, Target, target_of
from zoldyq.server.api.tokens import read_tokens
from zoldyq.server.backend import make_backend
from zoldyq.server.housekeeping import Housekeeper, Recorder, make_queues
from zoldyq.server.websocket.sessions import WebSocketSessions
from zoldyq.server.wsgi.exchange import HANDOVER_KEY, Handover
from zoldyq.server.wsgi.middleware import (
    AccessMiddleware,
    answer_errors,
    answer_options,
    server_is_safe,
)
from zoldyq.server.wsgi.openapi import openapi_document
from zoldyq.server.wsgi.pages import dashboard
from zoldyq.server.wsgi.resources import Resources
from zoldyq.server.wsgi.settings import settings_document
from zoldyq.server.wsgi.waiting import ThreadWaits
from zoldyq.wire import Reply, parse_query

#: Matches every path: which one it is, our own router has decided.
_EVERY_PATH = re.compile("")


class Keeper(Protocol):
    """Looks after queues on a thread of its own."""

    def ensure(self) -> None:
        """Start the thread, unless this process has it already."""


class ZoldyQApp(falcon.App[Request, Response]):
    """ZoldyQ as a WSGI application.

    ``max_waiting`` requests may wait at once where each holds a thread of the server. ``settings``
    is the document that tells them. The ``keepers`` look after the queues.
    """

    def __init__(
        self,
        operations: Operations,
        access: AccessPolicy,
        sessions: WebSocketSessions,
        metrics: Metrics,
        *,
        max_waiting: int,
        settings: Reply,
        keepers: Sequence[Keeper] = (),
    ) -> None:
        self._needs_safe_server = not operations.always_waits
        super().__init__(middleware=[AccessMiddleware(access, self.server_is_safe)])
        self.operations = operations
        self.access = access
        self.sessions = sessions
        self._keepers = keepers
        self._responders = Resources(
            operations,
            ThreadWaits(max_waiting),
            metrics,
            streams=sessions.of,
            document=openapi_document(operations.limits),
            settings=settings,
            pages=dashboard(),
        ).responders
        answer_errors(self, operations.refusals)
        self.add_sink(self._respond, _EVERY_PATH)

    def __call__(self, env: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request, or serve a WebSocket for as long as it lasts."""
        self.ensure_keepers()  # not before the first request: a server may fork in between
        # Past Falcon, because under gunicorn a session ends with an exception that must get out.
        target = _note_target(env)
        if target is not None and target.route.websocket and self.server_is_safe(env):
            return self.sessions.serve(env, start_response)
        env[HANDOVER_KEY] = handover = Handover(self.operations.put_back)
        try:
            return handover.body_of(super().__call__(env, start_response))
        except BaseException:
            handover.close()
            raise

    def ensure_keepers(self) -> None:
        """Start the threads that look after the queues, unless this process has them already."""
        for keeper in self._keepers:
            keeper.ensure()

    def server_is_safe(self, environ: Mapping[str, Any]) -> bool:
        """Tell whether the WSGI server suits where the queues are: any does if not in memory."""
        return not self._needs_safe_server or server_is_safe(environ)

    def drain(self, session_seconds: float) -> None:
        """Refuse new messages and end everything that waits; what is queued can still be taken.

        WebSocket sessions get ``session_seconds`` to close.
        """
        self.operations.queues.drain()
        self.sessions.close_all(session_seconds)

    def _respond(self, req: Request, resp: Response, **_: Any) -> None:
        """Answer any request that was let in."""
        target: Target = req.env[TARGET_KEY]
        route = target.route
        if route is OPTIONS:
            answer_options(resp, target)
            return
        if not route.parameters and route.path.startswith("/queues"):
            # A DELETE with ?if_empty=1 must not delete. Probes and pages may have any parameter,
            # which changes nothing there.
            parse_query(req.query_string, ())
        self._responders[route.operation](req, resp, target.name)


def create_app(
    settings: Settings | None = None,
    manager: QueueSet | None = None,
    *,
    connections: Callable[[], int] | None = None,
) -> ZoldyQApp:
    """Build the application.

    Without ``settings`` they are read from the environment and from the file it names, as a WSGI
    server can pass nothing. Without ``manager`` the queues are new ones as the settings say, and
    a thread drops what has expired; those who give one call its ``keep_house`` twice a second.
    ``connections`` tells the metrics how many connections the server has open.

    Raises:
        InvalidSetting: as :meth:`Settings.load`, :func:`read_tokens` and :func:`make_backend`.
        BackendUnavailable: as :func:`make_backend`.
    """
    settings = Settings.load() if settings is None else settings
    keepers: list[Keeper] = []
    if manager is None and (backend := make_backend(settings)) is not None:
        manager = backend.queues
        keepers.append(backend)
    elif manager is None:
        manager = make_queues(settings)
        keepers.append(Housekeeper(manager))
    operations = _operations(settings, manager)
    keepers.append(Recorder(manager, operations.history))
    access = _access(settings)
    sessions = WebSocketSessions(
        operations,
        access,
        max_sessions=settings.max_websockets,
        max_message_bytes=settings.max_body_bytes,
        ping_seconds=settings.ping_seconds,
        send_seconds=settings.send_seconds,
    )
    metrics = Metrics(
        manager,
        operations.durations,
        refusals=operations.refusals.snapshot,
        forbidden=operations.refusals.forbidden,
        websockets=lambda: sessions.open,
        connections=connections,
        limits=_limits(settings),
        per_queue=settings.metrics_queues,
        engine=partial(_engine_metrics, manager) if _is_remote(settings) else tuple,
    )
    return ZoldyQApp(
        operations,
        access,
        sessions,
        metrics,
        max_waiting=settings.max_waiting,
        settings=settings_document(settings),
        keepers=keepers,
    )


def _limits(settings: Settings) -> dict[str, int]:
    """The limits that hold: ``max_bytes`` is none of queues in Redis."""
    limits = {name: getattr(settings, name) for name in LIMITS}
    if _is_remote(settings):
        del limits["max_bytes"]
    return limits


def _is_remote(settings: Settings) -> bool:
    return settings.backend != "memory"


def _operations(settings: Settings, queues: QueueSet) -> Operations:
    limits = Limits(
        max_timeout=settings.max_timeout,
        max_count=settings.max_count,
        max_batch=settings.max_batch,
        max_body_bytes=settings.max_body_bytes,
    )
    if _is_remote(settings):
        return RemoteOperations(
            cast(RemoteQueues, queues), limits, history_queues=settings.history_queues
        )
    return Operations(cast(Queues, queues), limits, history_queues=settings.history_queues)


def _access(settings: Settings) -> AccessPolicy:
    return AccessPolicy(
        settings.tokens,
        settings.cors_origins,
        tokens=read_tokens(Path(settings.tokens_file)) if settings.tokens_file else (),
        hosts=(settings.host, *settings.allowed_hosts),
    )


def _engine_metrics(queues: Any) -> Iterable[Metric]:
    return engine_families(queues.engine.counters, up=queues.up)


def _note_target(environ: dict[str, Any]) -> Target | None:
    """Write into the environment what the request is; None where it is nothing that we know."""
    try:
        environ[TARGET_KEY] = target = target_of(environ)
    except ZoldyQError:
        return None  # it is refused once the middleware has seen who asks
    return target
