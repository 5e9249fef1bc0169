"""Every request that ZoldyQ answers: its path and method, its parameters, and the right it needs.

The router of the servers, the rights of tokens and the OpenAPI document follow from this table. To
add a request, add a line here, an operation in :mod:`zoldyq.server.api.operations` and a responder
in :mod:`zoldyq.server.wsgi.resources`.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

__all__ = ["DEQUEUES", "OPTIONS", "ROUTES", "Right", "Route"]


class Right(enum.StrEnum):
    """What a token may allow. The value is the word that people write in a tokens file."""

    PRODUCE = "produce"  # enqueue, and move to
    CONSUME = "consume"  # dequeue and peek, and move from
    OBSERVE = "observe"  # statistics and metrics
    MANAGE = "manage"  # create, change, purge and delete


class Route(NamedTuple):
    """One request of the interface.

    ``path`` is a pattern in the manner of OpenAPI: ``{name}`` stands for a queue's name, ``{file}``
    for a file's. ``right`` is None where no token is needed. ``every_queue`` tells that the right
    must cover all queues. ``answers`` are the statuses of success and ``refused`` those of errors,
    without 401, 403 and what holds for every request. ``head`` tells that HEAD is answered, too:
    like GET, without content. ``websocket`` tells that the request opens a WebSocket.
    """

    operation: str
    method: str
    path: str
    right: Right | None = None
    every_queue: bool = False
    parameters: tuple[str, ...] = ()
    answers: tuple[int, ...] = (200,)
    refused: tuple[int, ...] = ()
    head: bool = False
    websocket: bool = False


_QUEUE = "/queues/{name}"

#: All requests but OPTIONS, which every path answers with the methods that it takes.
ROUTES: tuple[Route, ...] = (
    Route(
        "enqueue",
        "POST",
        f"{_QUEUE}/enqueue",
        Right.PRODUCE,
        parameters=("timeout", "ttl"),
        refused=(400, 404, 413, 415, 422, 429, 503, 507),
    ),
    # POST is the better choice: some clients and proxies send a GET again on their own account.
    Route(
        "dequeue",
        "POST",
        f"{_QUEUE}/dequeue",
        Right.CONSUME,
        parameters=("timeout", "count"),
        answers=(200, 204),
        refused=(400, 404, 503),
    ),
    Route(
        "dequeue_by_get",
        "GET",
        f"{_QUEUE}/dequeue",
        Right.CONSUME,
        parameters=("timeout", "count"),
        answers=(200, 204),
        refused=(400, 404, 503),
    ),
    Route(
        "stream_in",
        "GET",
        f"{_QUEUE}/enqueue",
        Right.PRODUCE,
        parameters=("ttl",),
        answers=(101,),
        refused=(400, 426, 501, 503),
        websocket=True,
    ),
    Route(
        "stream_out",
        "GET",
        f"{_QUEUE}/dequeue",
        Right.CONSUME,
        parameters=("count", "credit"),
        answers=(101,),
        refused=(400, 426, 501, 503),
        websocket=True,
    ),
    Route(
        "peek",
        "GET",
        f"{_QUEUE}/peek",
        Right.CONSUME,
        parameters=("count",),
        refused=(400, 404),
        head=True,
    ),
    Route("list_queues", "GET", "/queues", Right.OBSERVE, refused=(400,), head=True),
    Route("show_queue", "GET", _QUEUE, Right.OBSERVE, refused=(400, 404), head=True),
    Route(
        "show_history",
        "GET",
        f"{_QUEUE}/history",
        Right.OBSERVE,
        refused=(400, 404),
        head=True,
    ),
    Route("list_clients", "GET", f"{_QUEUE}/clients", Right.OBSERVE, refused=(400,), head=True),
    Route(
        "create_queue",
        "PUT",
        _QUEUE,
        Right.MANAGE,
        answers=(200, 201),
        refused=(400, 409, 413, 415, 503, 507),
    ),
    Route(
        "update_queue",
        "PATCH",
        _QUEUE,
        Right.MANAGE,
        refused=(400, 404, 413, 415),
    ),
    Route("delete_queue", "DELETE", _QUEUE, Right.MANAGE, refused=(400, 404)),
    Route("purge_queue", "POST", f"{_QUEUE}/purge", Right.MANAGE, refused=(400, 404)),
    # It needs the right to enqueue to the other queue as well, which the operation asks for.
    Route(
        "move_messages",
        "POST",
        f"{_QUEUE}/move",
        Right.CONSUME,
        parameters=("to", "count"),
        refused=(400, 404, 409, 429, 501, 503, 507),
    ),
    Route("live", "GET", "/live", head=True),
    Route("health", "GET", "/health", head=True),
    Route("ready", "GET", "/ready", answers=(200, 503), head=True),
    Route("metrics", "GET", "/metrics", Right.OBSERVE, every_queue=True, head=True),
    Route("settings", "GET", "/settings", Right.OBSERVE, every_queue=True, head=True),
    Route("openapi", "GET", "/openapi.json", head=True),
    Route("docs", "GET", "/docs", head=True),
    Route("dashboard", "GET", "/", head=True),
    Route("dashboard_file", "GET", "/ui/{file}", refused=(404,), head=True),
)

#: What OPTIONS is, on any path.
OPTIONS = Route("options", "OPTIONS", "*", answers=(204,))

#: The operations that take messages.
DEQUEUES = frozenset({"dequeue", "dequeue_by_get"})
