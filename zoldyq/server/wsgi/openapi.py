"""The OpenAPI document: the HTTP interface, told to programs."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

from msgspec.json import schema_components

from zoldyq import __version__
from zoldyq.contract.errors import ERRORS
from zoldyq.contract.names import NAME_PATTERN
from zoldyq.contract.statistics import FIGURES
from zoldyq.server.api.operations import Limits
from zoldyq.wire import JSON, NDJSON, Reply, documents, encode_document

_Part = dict[str, Any]

_ABOUT = """\
Named queues in memory, first in, first out. What is pulled is consumed: there is no
acknowledgement, no replay, and a restart loses what was queued. Times are seconds in requests and
microseconds since the epoch in `enqueued_at`. Where there is a GET there is a HEAD as well, except
for dequeue: it never consumes.

The paths of enqueue and dequeue are WebSocket endpoints as well (RFC 6455, subprotocol `zoldyq`):
on the one each frame is a body of enqueue, answered in order; on the other each frame is a message
as it becomes available, up to `count` in one, and at most `credit` before `{"credit": n}` grants
more.
"""


def openapi_document(limits: Limits, max_capacity: int) -> Reply:
    """Return the document for a server with these limits, also on a queue's capacity."""
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "ZoldyQ",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
        },
        "servers": [{"url": "/"}],
        # The empty one: a server without tokens asks for none.
        "security": [{}, {"bearer": []}],
        "paths": {**_message_paths(limits), **_queue_paths(), **_state_paths()},
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(max_capacity),
        },
    }
    return Reply(200, encode_document(document), headers=(("Cache-Control", "no-cache"),))


# -- paths ---------------------------------------------------------------------------------------


def _message_paths(limits: Limits) -> _Part:
    enqueue = _operation(
        "enqueue",
        "Append one message, or several at once: all of them, or none.",
        {200: ("Queued", _json("Enqueued"))},
        refused=(400, 413, 415, 422, 429, 503, 507),
        parameters=[_timeout(limits, "How long to wait for room")],
    )
    enqueue["requestBody"] = {
        "required": True,
        "content": {
            **_json("Enqueue"),
            NDJSON: {"schema": {"type": "string", "description": "One payload a line"}},
        },
    }
    dequeue, dequeue_by_get = (
        _operation(
            name,
            summary,
            {
                200: ("Messages, which are in the queue no longer", _delivery("Dequeued")),
                204: ("Nothing came in time", None),
            },
            refused=(400, 503),
            parameters=[_timeout(limits, "How long to wait for a message"), _count(limits)],
        )
        for name, summary in (
            ("dequeue", "Take the oldest message, or up to `count` as soon as any is there."),
            ("dequeue_by_get", "As POST, which is better: some clients and proxies repeat a GET."),
        )
    )
    peek = _operation(
        "peek",
        "Look at the oldest messages and take nothing.",
        {200: ("Messages, which stay in the queue", _delivery("Messages"))},
        refused=(400, 404),
        parameters=[_count(limits)],
    )
    return {
        "/queues/{name}/enqueue": {"parameters": [_NAME], "post": enqueue},
        "/queues/{name}/dequeue": {"parameters": [_NAME], "get": dequeue_by_get, "post": dequeue},
        "/queues/{name}/peek": {"parameters": [_NAME], "get": peek},
    }


def _queue_paths() -> _Part:
    create = _operation(
        "create_queue",
        "Create a queue with a capacity of its own.",
        {200: ("It was there already", _json("Created")), 201: ("Created", _json("Created"))},
        refused=(400, 409, 413, 415, 503, 507),
    )
    create["requestBody"] = {"required": True, "content": _json("Create")}
    return {
        "/queues": {
            "get": _operation(
                "list_queues", "Statistics of all queues.", {200: ("Queues", _json("Queues"))}
            )
        },
        "/queues/{name}": {
            "parameters": [_NAME],
            "get": _operation(
                "show_queue",
                "Statistics of one queue.",
                {200: ("The queue", _json("Queue"))},
                refused=(400, 404),
            ),
            "put": create,
            "delete": _operation(
                "delete_queue",
                "Delete a queue with its messages; nobody waits for it any longer.",
                {200: ("Deleted", _json("Deleted"))},
                refused=(400, 404),
            ),
        },
        "/queues/{name}/purge": {
            "parameters": [_NAME],
            "post": _operation(
                "purge_queue",
                "Drop the messages of a queue.",
                {200: ("Purged", _json("Purged"))},
                refused=(400, 404),
            ),
        },
    }


def _state_paths() -> _Part:
    text = {"schema": {"type": "string"}}
    metrics = {"text/plain": text, "application/openmetrics-text": text}
    ready = {
        200: ("New messages are welcome", _json("Ready")),
        503: ("They are not", _json("Ready")),
    }
    return {
        "/live": {
            "get": _operation(
                "live",
                "Answers as long as the process lives, and tells nothing else: for probes.",
                {200: ("Alive", _json("Live"))},
                public=True,
            )
        },
        "/health": {
            "get": _operation(
                "health",
                "Answers as long as the process lives.",
                {200: ("Alive", _json("Health"))},
                public=True,
            )
        },
        "/ready": {
            "get": _operation("ready", "Whether new messages are welcome.", ready, public=True)
        },
        "/metrics": {
            "get": _operation("metrics", "Metrics for Prometheus.", {200: ("Metrics", metrics)})
        },
        "/openapi.json": {
            "get": _operation(
                "openapi",
                "This document.",
                {200: ("The document", {JSON: {"schema": {"type": "object"}}})},
                public=True,
            )
        },
        "/": {
            "get": _operation(
                "dashboard",
                "A page for people.",
                {200: ("The page", {"text/html": text})},
                public=True,
            )
        },
    }


# -- the parts of an operation ---------------------------------------------------------------------


def _operation(
    name: str,
    summary: str,
    answers: Mapping[int, tuple[str, _Part | None]],
    *,
    refused: tuple[int, ...] = (),
    parameters: list[_Part] | None = None,
    public: bool = False,
) -> _Part:
    """Describe an operation by its answers and by the statuses it is refused with."""
    operation: _Part = {"operationId": name, "summary": summary}
    if parameters:
        operation["parameters"] = parameters
    if public:
        operation["security"] = []
    statuses = sorted({*refused, 403, *(() if public else (401,))})
    responses = {str(status): _response(*answer) for status, answer in answers.items()}
    responses |= {str(status): _response(_codes(status), _json("Error")) for status in statuses}
    operation["responses"] = responses | {"default": _response("Refused", _json("Error"))}
    return operation


def _response(description: str, content: _Part | None) -> _Part:
    return {"description": description, **({"content": content} if content else {})}


def _codes(status: int) -> str:
    """Return the codes that an error document with this status may hold."""
    return " or ".join(f"`{code}`" for code, error in ERRORS.items() if error.status == status)


def _ref(schema: str) -> _Part:
    return {"$ref": f"#/components/schemas/{schema}"}


def _json(schema: str) -> _Part:
    return {JSON: {"schema": _ref(schema)}}


def _delivery(schema: str) -> _Part:
    lines = {"schema": {"type": "string", "description": "One payload a line, if Accept asks"}}
    return {**_json(schema), NDJSON: lines}


def _timeout(limits: Limits, description: str) -> _Part:
    schema = {"type": "number", "minimum": 0, "maximum": limits.max_timeout, "default": 0}
    return {"name": "timeout", "in": "query", "description": description, "schema": schema}


def _count(limits: Limits) -> _Part:
    return {
        "name": "count",
        "in": "query",
        "description": "How many messages at most; the answer is then a list",
        "schema": {"type": "integer", "minimum": 1, "maximum": limits.max_count},
    }


_NAME: _Part = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": f"^{NAME_PATTERN}$"},
}


# -- schemas ---------------------------------------------------------------------------------------

_ANY: _Part = {"description": "Any JSON, kept as it was written"}
_DOCUMENTS = (
    documents.Created,
    documents.Deleted,
    documents.Enqueued,
    documents.Error,
    documents.Health,
    documents.Live,
    documents.Message,
    documents.Messages,
    documents.Purged,
    documents.Queue,
    documents.Queues,
    documents.Ready,
)


def _schemas(max_capacity: int) -> _Part:
    """Return the schema of every document, by its name."""
    _, schemas = schema_components(_DOCUMENTS, ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        schema["description"] = cleandoc(schema["description"])
    for statistics in ("QueueStats", "Queue"):
        for figure in FIGURES:
            schemas[statistics]["properties"][figure.name] |= {
                "description": figure.meaning,
                "minimum": 0,
            }
    capacity = {"type": "integer", "minimum": 1, "maximum": max_capacity}
    return {
        **schemas,
        "Create": _closed("capacity", capacity),
        "Enqueue": {
            "oneOf": [
                _closed("payload", _ANY),
                _closed("payloads", {"type": "array", "items": _ANY, "minItems": 1}),
            ]
        },
        "Dequeued": {"oneOf": [_ref("Message"), _ref("Messages")]},
    }


def _closed(name: str, value: _Part) -> _Part:
    """Describe a body with this field and no other."""
    return {
        "type": "object",
        "properties": {name: value},
        "required": [name],
        "additionalProperties": False,
    }
