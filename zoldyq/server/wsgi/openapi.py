"""The OpenAPI document: the HTTP interface, told to programs."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any, NamedTuple

from msgspec.json import schema_components

from zoldyq import __version__
from zoldyq.contract.errors import ERRORS
from zoldyq.contract.names import NAME_PATTERN
from zoldyq.contract.policy import FIELDS, MAX_SECONDS, OVERFLOWS, Field
from zoldyq.contract.routes import ROUTES, Route
from zoldyq.contract.statistics import FIGURES
from zoldyq.server.api.operations import MAX_MOVED, Limits
from zoldyq.wire import JSON, JSONL, NDJSON, Reply, documents, encode_document

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


def openapi_document(limits: Limits) -> Reply:
    """Return the document for a server with these limits."""
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
        "tags": [{"name": tag.name, "description": tag.description} for tag in _TAGS],
        "paths": _paths(limits),
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(limits),
        },
    }
    return Reply(200, encode_document(document), headers=(("Cache-Control", "no-cache"),))


# -- paths ---------------------------------------------------------------------------------------


class _Told(NamedTuple):
    """What the table of routes does not say: a summary, and the answers by their statuses."""

    summary: str
    answers: Mapping[int, tuple[str, _Part | None]]
    body: _Part | None = None


def _ref(schema: str) -> _Part:
    return {"$ref": f"#/components/schemas/{schema}"}


def _json(schema: str) -> _Part:
    return {JSON: {"schema": _ref(schema)}}


def _lines(description: str, **more: str) -> _Part:
    schema = {"schema": {"type": "string", "description": description}, **more}
    return {NDJSON: schema, JSONL: schema}


_TEXT: _Part = {"schema": {"type": "string"}}
_IN_LINES = _lines("One payload a line, if Accept asks")
_DELIVERY: Mapping[int, tuple[str, _Part | None]] = {
    200: ("Messages, which are in the queue no longer", {**_json("Dequeued"), **_IN_LINES}),
    204: ("Nothing came in time", None),
}
_READY = {
    200: ("New messages are welcome", _json("Ready")),
    503: ("They are not", _json("Ready")),
}

_POLICY: _Part = {JSON: {"schema": _ref("Policy"), "example": {"capacity": 1000}}}

_TOLD: Mapping[str, _Told] = {
    "enqueue": _Told(
        "Append one message, or several at once: all of them, or none.",
        {200: ("Queued", _json("Enqueued"))},
        body={
            JSON: {"schema": _ref("Enqueue"), "example": {"payload": {"to": "user@example.com"}}},
            **_lines("One payload a line", example='{"n": 1}\n{"n": 2}\n'),
        },
    ),
    "dequeue": _Told(
        "Take the oldest message, or up to `count` as soon as any is there.", _DELIVERY
    ),
    "dequeue_by_get": _Told(
        "As POST, which is better: some clients and proxies repeat a GET.", _DELIVERY
    ),
    "peek": _Told(
        "Look at the oldest messages and take nothing.",
        {200: ("Messages, which stay in the queue", {**_json("Messages"), **_IN_LINES})},
    ),
    "list_queues": _Told("Statistics of all queues.", {200: ("Queues", _json("Queues"))}),
    "show_queue": _Told("Statistics of one queue.", {200: ("The queue", _json("Queue"))}),
    "show_history": _Told(
        "The last hour of a queue: sizes, rates, refusals and the oldest age, a sample each 5 s.",
        {200: ("Samples", _json("History"))},
    ),
    "list_clients": _Told(
        "Who waits for a queue, and the WebSocket sessions that are open on it.",
        {200: ("Clients", _json("Clients"))},
    ),
    "create_queue": _Told(
        "Create a queue, with fields of a policy in the place of the defaults.",
        {200: ("It was there already", _json("Created")), 201: ("Created", _json("Created"))},
        body=_POLICY,
    ),
    "update_queue": _Told(
        "Change fields of a queue's policy, at once.",
        {200: ("The policy that holds now", _json("Changed"))},
        body=_POLICY,
    ),
    "delete_queue": _Told(
        "Delete a queue with its messages. Waiting consumers get 204.",
        {200: ("Deleted", _json("Deleted"))},
    ),
    "purge_queue": _Told("Drop the messages of a queue.", {200: ("Purged", _json("Purged"))}),
    "move_messages": _Told(
        "Move the oldest messages to the end of another queue, as many as there is room for.",
        {200: ("How many were moved", _json("Moved"))},
    ),
    "live": _Told(
        "Answers as long as the process lives, and tells nothing else: for probes.",
        {200: ("Alive", _json("Live"))},
    ),
    "health": _Told(
        "How the server and its queues are; answers as long as the process lives.",
        {200: ("Alive", _json("Health"))},
    ),
    "ready": _Told("Whether new messages are welcome.", _READY),
    "metrics": _Told(
        "Metrics for Prometheus.",
        {200: ("Metrics", {"text/plain": _TEXT, "application/openmetrics-text": _TEXT})},
    ),
    "settings": _Told(
        "The settings that hold; no secret is told.", {200: ("Settings", _json("Settings"))}
    ),
    "openapi": _Told(
        "This document.", {200: ("The document", {JSON: {"schema": {"type": "object"}}})}
    ),
    "docs": _Told(
        "A page for people: this document, and forms that send requests.",
        {200: ("The page", {"text/html": _TEXT})},
    ),
    "dashboard": _Told("A page for people.", {200: ("The page", {"text/html": _TEXT})}),
}


class _Tag(NamedTuple):
    """Operations that belong together."""

    name: str
    description: str
    operations: frozenset[str]


_TAGS = (
    _Tag(
        "Messages",
        "Put messages into queues, and take them out.",
        frozenset({"enqueue", "dequeue", "dequeue_by_get", "peek", "move_messages"}),
    ),
    _Tag(
        "Queues",
        "See, create, change and delete queues.",
        frozenset(
            {
                *("list_queues", "show_queue", "show_history", "list_clients", "create_queue"),
                *("update_queue", "delete_queue", "purge_queue"),
            }
        ),
    ),
    _Tag(
        "Server",
        "How the server is, and what it says of itself.",
        frozenset(
            {
                *("live", "health", "ready", "metrics", "settings", "openapi", "docs"),
                "dashboard",
            }
        ),
    ),
)


def _paths(limits: Limits) -> _Part:
    """Describe every route but WebSockets, which OpenAPI has no words for, and single files."""
    paths: _Part = {}
    for route in ROUTES:
        if not route.websocket and _FILE not in route.path:
            item = paths.setdefault(route.path, {})
            if _IN_PATH in route.path:
                item["parameters"] = [_NAME]
            item[route.method.lower()] = _operation(route, _TOLD[route.operation], limits)
    return paths


def _operation(route: Route, told: _Told, limits: Limits) -> _Part:
    operation: _Part = {
        "operationId": route.operation,
        "summary": told.summary,
        "tags": [tag.name for tag in _TAGS if route.operation in tag.operations],
    }
    if route.parameters:
        named = [_MOVE.get((route.operation, name), name) for name in route.parameters]
        operation["parameters"] = [_parameter(name, limits) for name in named]
    if told.body is not None:
        operation["requestBody"] = {"required": True, "content": told.body}
    if route.right is None:
        operation["security"] = []
    refused = sorted({*route.refused, 403, *(() if route.right is None else (401,))})
    responses = {str(status): _response(*told.answers[status]) for status in route.answers}
    responses |= {str(status): _response(_codes(status), _json("Error")) for status in refused}
    operation["responses"] = responses | {"default": _response("Refused", _json("Error"))}
    return operation


def _response(description: str, content: _Part | None) -> _Part:
    return {"description": description, **({"content": content} if content else {})}


def _codes(status: int) -> str:
    """Return the codes that an error document with this status may hold."""
    return " or ".join(f"`{code}`" for code, error in ERRORS.items() if error.status == status)


def _parameter(name: str, limits: Limits) -> _Part:
    description, schema = {
        "timeout": (
            "Seconds to wait for a message, or for room",
            {"type": "number", "minimum": 0, "maximum": limits.max_timeout, "default": 0},
        ),
        "ttl": (
            "Seconds that the messages live, if the queue's own lifetime is not shorter",
            {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SECONDS},
        ),
        "count": (
            "How many messages at most; the answer is then a list",
            {"type": "integer", "minimum": 1, "maximum": limits.max_count},
        ),
        "to": (
            "The queue that gets them; it is created if need be",
            {"type": "string", "pattern": f"^{NAME_PATTERN}$"},
        ),
        "most": (
            "How many messages at most; left out, as many as there are now",
            {"type": "integer", "minimum": 1, "maximum": MAX_MOVED},
        ),
    }[name]
    parameter = {"name": name, "in": "query", "description": description, "schema": schema}
    if name == "most":
        parameter["name"] = "count"
    if name == "to":
        parameter |= {"required": True, "example": "emails-again"}
    return parameter


#: A parameter that means something else with one operation.
_MOVE = {("move_messages", "count"): "most"}

_IN_PATH = "{name}"
_FILE = "{file}"
_NAME: _Part = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "The name of a queue",
    "example": "emails",
    "schema": {"type": "string", "pattern": f"^{NAME_PATTERN}$"},
}


# -- schemas ---------------------------------------------------------------------------------------

_ANY: _Part = {"description": "Any JSON, kept as it was written"}
_BATCH: _Part = {"type": "array", "items": _ANY, "minItems": 1}
_DOCUMENTS = (
    documents.Changed,
    documents.Clients,
    documents.Created,
    documents.Deleted,
    documents.Enqueued,
    documents.Error,
    documents.Health,
    documents.History,
    documents.Live,
    documents.Message,
    documents.Messages,
    documents.Moved,
    documents.Purged,
    documents.Queue,
    documents.Queues,
    documents.Ready,
    documents.Settings,
)


def _schemas(limits: Limits) -> _Part:
    """Return the schema of every document, by its name."""
    _, schemas = schema_components(_DOCUMENTS, ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        schema["description"] = cleandoc(schema["description"])
    for statistics in ("QueueStats", "Queue"):
        for figure in FIGURES:
            described = schemas[statistics]["properties"][figure.name]
            described["description"] = figure.meaning
            if "enum" not in described:
                described["minimum"] = 0
    return {
        **schemas,
        "Policy": {
            "type": "object",
            "properties": {each.name: _policy_field(each) for each in FIELDS},
            "additionalProperties": False,
        },
        "Enqueue": {
            "oneOf": [
                _closed("payload", _ANY),
                _closed("payloads", {**_BATCH, "maxItems": limits.max_batch}),
            ]
        },
        "Dequeued": {"oneOf": [_ref("Message"), _ref("Messages")]},
    }


def _policy_field(policy: Field) -> _Part:
    """Describe a field of a queue's policy."""
    if policy.kind == "overflow":
        return {"description": policy.meaning, "enum": list(OVERFLOWS)}
    kind = "integer" if policy.kind == "whole" else "number"
    least = "minimum" if policy.minimum else "exclusiveMinimum"
    return {
        "description": policy.meaning,
        "type": [kind, "null"] if policy.nullable else kind,
        least: policy.minimum,
        "maximum": policy.maximum,
    }


def _closed(name: str, value: _Part) -> _Part:
    """Describe a body with this field and no other."""
    return {
        "type": "object",
        "properties": {name: value},
        "required": [name],
        "additionalProperties": False,
    }
