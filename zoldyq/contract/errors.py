"""Everything ZoldyQ refuses, and why.

Each error carries a stable ``code`` for programs, a text for people that says what to do, and
``details`` for both. HTTP statuses are not known here: :mod:`zoldyq.wire` maps the codes.

::

    ZoldyQError
    +-- BadRequest              the caller has to change the request
    |   +-- InvalidQueueName, InvalidJson, MissingPayload, UnknownField, BodyTooLarge,
    |   +-- BatchExceedsCapacity, InvalidTimeout, InvalidCount, InvalidCapacity,
    |   +-- NotFound, QueueNotFound, MethodNotAllowed, QueueExists,
    |   +-- MalformedRequest, HeadersTooLarge, UnsupportedExpectation, UnsupportedEncoding,
    |   +-- UpgradeRequired
    +-- Refused                 the caller is not let in
    |   +-- Unauthorized, ForbiddenOrigin
    +-- Overloaded              the same request may succeed later
    |   +-- QueueFull, MemoryLimit, MaxQueuesReached, TooManyWaiting,
    |   +-- TooManyConnections, TooManyWebSockets, ShuttingDown, RequestTimeout
    +-- ServerFault             the operator has to change something
    |   +-- UnsafeServer, WebSocketUnavailable, InternalError
    +-- QueueClosed             the queue was deleted, or the server is stopping
    +-- InvalidSetting          a setting that no server can start with
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

__all__ = [
    "BadRequest",
    "BatchExceedsCapacity",
    "BodyTooLarge",
    "ForbiddenOrigin",
    "HeadersTooLarge",
    "InternalError",
    "InvalidCapacity",
    "InvalidCount",
    "InvalidJson",
    "InvalidQueueName",
    "InvalidSetting",
    "InvalidTimeout",
    "MalformedRequest",
    "MaxQueuesReached",
    "MemoryLimit",
    "MethodNotAllowed",
    "MissingPayload",
    "NotFound",
    "Overloaded",
    "QueueClosed",
    "QueueExists",
    "QueueFull",
    "QueueNotFound",
    "Refused",
    "RequestTimeout",
    "ServerFault",
    "ShuttingDown",
    "TooManyConnections",
    "TooManyWaiting",
    "TooManyWebSockets",
    "Unauthorized",
    "UnknownField",
    "UnsafeServer",
    "UnsupportedEncoding",
    "UnsupportedExpectation",
    "UpgradeRequired",
    "WebSocketUnavailable",
    "ZoldyQError",
]


class ZoldyQError(Exception):
    """Root of all errors of ZoldyQ.

    ``code`` is stable and machine-readable, ``message`` tells a person what to do, ``details``
    are JSON-ready facts such as the queue's capacity.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, object] = details


class BadRequest(ZoldyQError):
    """The request itself is wrong; sending it again will not help."""


class InvalidQueueName(BadRequest):
    """The queue's name breaks the rule for names."""

    code = "invalid_queue_name"


class InvalidJson(BadRequest):
    """The body is no JSON text in UTF-8; ``details["offset"]`` is the byte where it breaks."""

    code = "invalid_json"


class MissingPayload(BadRequest):
    """The body is JSON but holds no payload."""

    code = "missing_payload"


class UnknownField(BadRequest):
    """The body holds a field that means nothing here."""

    code = "unknown_field"


class BodyTooLarge(BadRequest):
    """The body, or a WebSocket message, is larger than the server takes."""

    code = "body_too_large"


class BatchExceedsCapacity(BadRequest):
    """The batch would not fit into the queue even if it were empty."""

    code = "batch_exceeds_capacity"


class InvalidTimeout(BadRequest):
    """``timeout`` is no number of seconds within the allowed range."""

    code = "invalid_timeout"


class InvalidCount(BadRequest):
    """``count`` or ``credit`` is no whole number within the allowed range."""

    code = "invalid_count"


class InvalidCapacity(BadRequest):
    """``capacity`` is no whole number within the allowed range."""

    code = "invalid_capacity"


class NotFound(BadRequest):
    """There is nothing at this path."""

    code = "not_found"


class QueueNotFound(BadRequest):
    """No queue has this name."""

    code = "queue_not_found"


class MethodNotAllowed(BadRequest):
    """The path is known, but not with this method."""

    code = "method_not_allowed"


class QueueExists(BadRequest):
    """The queue exists with another capacity."""

    code = "queue_exists"


class MalformedRequest(BadRequest):
    """The bytes are no HTTP request, or no WebSocket handshake."""

    code = "malformed_request"


class HeadersTooLarge(BadRequest):
    """The request head is larger than the server takes."""

    code = "headers_too_large"


class UnsupportedExpectation(BadRequest):
    """``Expect`` asks for something other than ``100-continue``."""

    code = "unsupported_expectation"


class UnsupportedEncoding(BadRequest):
    """The body is sent in a transfer or content encoding that the server does not read."""

    code = "unsupported_encoding"


class UpgradeRequired(BadRequest):
    """The WebSocket handshake asks for a version other than 13."""

    code = "upgrade_required"


class Refused(ZoldyQError):
    """The caller is not let in."""


class Unauthorized(Refused):
    """A token is required and none of those known was given."""

    code = "unauthorized"


class ForbiddenOrigin(Refused):
    """A web page of an origin that is not allowed sent the request."""

    code = "forbidden_origin"


class Overloaded(ZoldyQError):
    """Nothing is wrong with the request; it may succeed later."""


class QueueFull(Overloaded):
    """There is no room in the queue, and none came in time."""

    code = "queue_full"


class MemoryLimit(Overloaded):
    """All queues together hold as many bytes as the server may."""

    code = "memory_limit"


class MaxQueuesReached(Overloaded):
    """As many queues exist as the server may hold."""

    code = "max_queues_reached"


class TooManyWaiting(Overloaded):
    """As many requests wait as the threads of this server allow."""

    code = "too_many_waiting"


class TooManyConnections(Overloaded):
    """As many connections are open as the server takes."""

    code = "too_many_connections"


class TooManyWebSockets(Overloaded):
    """As many WebSocket sessions are open as the server takes."""

    code = "too_many_websockets"


class ShuttingDown(Overloaded):
    """The server is draining: it hands out what it has and takes nothing new."""

    code = "shutting_down"


class RequestTimeout(Overloaded):
    """The client took too long to send its request."""

    code = "request_timeout"


class ServerFault(ZoldyQError):
    """Something that only the operator can mend."""


class UnsafeServer(ServerFault):
    """The WSGI server would split the queues over processes, or serve one request at a time."""

    code = "unsafe_server"


class WebSocketUnavailable(ServerFault):
    """The WSGI server gives the application no socket."""

    code = "websocket_unavailable"


class InternalError(ServerFault):
    """A fault of ZoldyQ itself; the server's log has the rest."""

    code = "internal_error"


class QueueClosed(ZoldyQError):
    """The queue takes no more messages, and has none left to give."""

    code = "queue_closed"


class InvalidSetting(ZoldyQError):
    """A setting has a value that no server can start with."""

    code = "invalid_setting"
