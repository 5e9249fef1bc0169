"""Everything ZoldyQ refuses, and why.

Each class says all that is fixed about an error: the stable ``code`` for programs, the HTTP
``status`` and ``headers`` of the reply, and whether the connection ``closes`` after it. An
instance adds a text for people that says what to do, and ``details`` for people and programs.
Replies, the OpenAPI document and the client follow from these classes. The module is long because
every refusal stands in it, with nothing but a name, a text and a number each.

::

    ZoldyQError
    +-- BadRequest              the caller has to change the request
    |   +-- InvalidQueueName, InvalidJson, MissingPayload, UnknownField, BodyTooLarge,
    |   +-- BatchTooLarge, BatchExceedsCapacity, MessageTooLarge, UnknownParameter, InvalidTimeout,
    |   +-- InvalidCount, InvalidTtl, InvalidMove, InvalidCapacity, InvalidPolicy,
    |   +-- NotFound, QueueNotFound, MethodNotAllowed, QueueExists,
    |   +-- MalformedRequest, HeadersTooLarge, UnsupportedExpectation, UnsupportedEncoding,
    |   +-- UnsupportedTransferEncoding, TlsRequired, UpgradeRequired
    +-- Refused                 the caller is not let in
    |   +-- Unauthorized, Forbidden, ForbiddenOrigin, ForbiddenHost
    +-- Overloaded              the same request may succeed later
    |   +-- QueueFull, MemoryLimit, MaxQueuesReached, TooManyWaiting,
    |   +-- TooManyConnections, TooManyWebSockets, ShuttingDown, RequestTimeout,
    |   +-- BackendUnavailable, BackendError, NotReplicated
    +-- ServerFault             the operator has to change something
    |   +-- UnsafeServer, WebSocketUnavailable, MoveUnsupported, InternalError
    +-- QueueClosed             the queue was deleted, or the server is stopping
    +-- TlsHandshakeFailed      a client that TLS does not let in; it is counted
    +-- InvalidSetting          a setting that no server can start with
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

__all__ = [
    "ERRORS",
    "BackendError",
    "BackendUnavailable",
    "BadRequest",
    "BatchExceedsCapacity",
    "BatchTooLarge",
    "BodyTooLarge",
    "Forbidden",
    "ForbiddenHost",
    "ForbiddenOrigin",
    "HeadersTooLarge",
    "InternalError",
    "InvalidCapacity",
    "InvalidCount",
    "InvalidJson",
    "InvalidMove",
    "InvalidPolicy",
    "InvalidQueueName",
    "InvalidSetting",
    "InvalidTimeout",
    "InvalidTtl",
    "MalformedRequest",
    "MaxQueuesReached",
    "MemoryLimit",
    "MessageTooLarge",
    "MethodNotAllowed",
    "MissingPayload",
    "MoveUnsupported",
    "NotFound",
    "NotReplicated",
    "Overloaded",
    "QueueClosed",
    "QueueExists",
    "QueueFull",
    "QueueNotFound",
    "Refused",
    "RequestTimeout",
    "ServerFault",
    "ShuttingDown",
    "TlsHandshakeFailed",
    "TlsRequired",
    "TooManyConnections",
    "TooManyWaiting",
    "TooManyWebSockets",
    "Unauthorized",
    "UnknownField",
    "UnknownParameter",
    "UnsafeServer",
    "UnsupportedEncoding",
    "UnsupportedExpectation",
    "UnsupportedTransferEncoding",
    "UpgradeRequired",
    "WebSocketUnavailable",
    "ZoldyQError",
]


class ZoldyQError(Exception):
    """Root of all errors of ZoldyQ.

    ``message`` tells a person what to do, ``details`` are JSON-ready facts such as the queue's
    capacity.
    """

    #: Stable and machine-readable.
    code: ClassVar[str] = "error"
    #: Status of the HTTP reply; None for errors that no server sends.
    status: ClassVar[int | None] = None
    #: Headers that every reply with this error has.
    headers: ClassVar[tuple[tuple[str, str], ...]] = ()
    #: Whether the server closes the connection after the reply, because it cannot tell where the
    #: next request begins, or wants no other.
    closes: ClassVar[bool] = False

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, object] = details


class BadRequest(ZoldyQError):
    """The request itself is wrong; sending it again will not help."""

    status = 400


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
    status = 413


class BatchTooLarge(BadRequest):
    """The batch has more messages than the server takes with one request."""

    code = "batch_too_large"
    status = 413


class BatchExceedsCapacity(BadRequest):
    """The batch would not fit into the queue even if it were empty."""

    code = "batch_exceeds_capacity"
    status = 422


class UnknownParameter(BadRequest):
    """The query of the URL has a parameter that means nothing here, or has one of them twice."""

    code = "unknown_parameter"


class InvalidTimeout(BadRequest):
    """``timeout`` is no number of seconds within the allowed range."""

    code = "invalid_timeout"


class InvalidCount(BadRequest):
    """``count`` or ``credit`` is no whole number within the allowed range."""

    code = "invalid_count"


class InvalidCapacity(BadRequest):
    """``capacity`` is no whole number within the allowed range."""

    code = "invalid_capacity"


class InvalidPolicy(BadRequest):
    """A field of a queue's policy has the wrong type or range."""

    code = "invalid_policy"


class InvalidTtl(BadRequest):
    """``ttl`` is no number of seconds within the allowed range."""

    code = "invalid_ttl"


class InvalidMove(BadRequest):
    """Messages cannot be moved to the queue that they are in."""

    code = "invalid_move"
    status = 409


class MessageTooLarge(BadRequest):
    """The message would not fit into the queue even if it were empty, by its bytes."""

    code = "message_too_large"
    status = 413


class NotFound(BadRequest):
    """There is nothing at this path."""

    code = "not_found"
    status = 404


class QueueNotFound(BadRequest):
    """No queue has this name."""

    code = "queue_not_found"
    status = 404


class MethodNotAllowed(BadRequest):
    """The path is known, but not with this method."""

    code = "method_not_allowed"
    status = 405


class QueueExists(BadRequest):
    """The queue exists with another policy."""

    code = "queue_exists"
    status = 409


class MalformedRequest(BadRequest):
    """The bytes are no HTTP request, or no WebSocket handshake."""

    code = "malformed_request"
    closes = True


class HeadersTooLarge(BadRequest):
    """The request head is larger than the server takes."""

    code = "headers_too_large"
    status = 431
    closes = True


class UnsupportedExpectation(BadRequest):
    """``Expect`` asks for something other than ``100-continue``."""

    code = "unsupported_expectation"
    status = 417
    closes = True


class UnsupportedEncoding(BadRequest):
    """The body is sent in a transfer or content encoding that the server does not read."""

    code = "unsupported_encoding"
    status = 415


class UnsupportedTransferEncoding(BadRequest):
    """``Transfer-Encoding`` names something beside ``chunked``."""

    code = "unsupported_transfer_encoding"
    status = 501
    closes = True


class TlsRequired(BadRequest):
    """The request came in plain text to a port that speaks TLS."""

    code = "tls_required"
    closes = True


class UpgradeRequired(BadRequest):
    """The WebSocket handshake asks for a version other than 13."""

    code = "upgrade_required"
    status = 426
    headers = (("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))


class Refused(ZoldyQError):
    """The caller is not let in."""

    status = 403


class Unauthorized(Refused):
    """A token is required and none of those known was given."""

    code = "unauthorized"
    status = 401
    headers = (("WWW-Authenticate", "Bearer"),)


class Forbidden(Refused):
    """The token is known, and lacks the right that the request needs."""

    code = "forbidden"
    status = 403


class ForbiddenHost(Refused):
    """A browser sent the request to a name that the server does not know as its own."""

    code = "forbidden_host"
    status = 403


class ForbiddenOrigin(Refused):
    """A web page of an origin that is not allowed sent the request."""

    code = "forbidden_origin"


class Overloaded(ZoldyQError):
    """Nothing is wrong with the request; it may succeed later."""

    status = 503
    headers = (("Retry-After", "1"),)


class QueueFull(Overloaded):
    """There is no room in the queue, and none came in time."""

    code = "queue_full"
    status = 429


class MemoryLimit(Overloaded):
    """All queues together hold as many bytes as the server may."""

    code = "memory_limit"
    status = 429


class MaxQueuesReached(Overloaded):
    """As many queues exist as the server may hold."""

    code = "max_queues_reached"
    status = 507


class TooManyWaiting(Overloaded):
    """As many requests wait as the threads of this server allow."""

    code = "too_many_waiting"


class TooManyConnections(Overloaded):
    """As many connections are open as the server takes."""

    code = "too_many_connections"
    closes = True


class TooManyWebSockets(Overloaded):
    """As many WebSocket sessions are open as the server takes."""

    code = "too_many_websockets"


class ShuttingDown(Overloaded):
    """The server is draining: it hands out what it has and takes nothing new."""

    code = "shutting_down"


class BackendUnavailable(Overloaded):
    """The server that keeps the queues does not answer. ``details["queued"]`` is False where the
    messages were never sent there, and ``"unknown"`` where they were."""

    code = "backend_unavailable"


class BackendError(Overloaded):
    """The server that keeps the queues refuses to work; the log says why."""

    code = "backend_error"


class NotReplicated(Overloaded):
    """Too few replicas have the messages in time. They may stay queued, or not."""

    code = "not_replicated"


class RequestTimeout(Overloaded):
    """The client took too long to send its request."""

    code = "request_timeout"
    status = 408
    closes = True


class ServerFault(ZoldyQError):
    """Something that only the operator can mend."""

    status = 500


class UnsafeServer(ServerFault):
    """The WSGI server would split the queues over processes, or serve one request at a time."""

    code = "unsafe_server"


class WebSocketUnavailable(ServerFault):
    """The WSGI server gives the application no socket."""

    code = "websocket_unavailable"
    status = 501


class MoveUnsupported(ServerFault):
    """The queues lie on servers between which no message can be moved at once."""

    code = "move_unsupported"
    status = 501


class InternalError(ServerFault):
    """A fault of ZoldyQ itself; the server's log has the rest."""

    code = "internal_error"


class QueueClosed(ZoldyQError):
    """The queue takes no more messages, and has none left to give."""

    code = "queue_closed"


class TlsHandshakeFailed(ZoldyQError):
    """A client did not get past the TLS handshake, so it gets no reply; this is counted."""

    code = "tls_handshake_failed"


class InvalidSetting(ZoldyQError):
    """A setting has a value that no server can start with."""

    code = "invalid_setting"


def _subclasses_of(error: type[ZoldyQError]) -> Iterator[type[ZoldyQError]]:
    for subclass in error.__subclasses__():
        yield subclass
        yield from _subclasses_of(subclass)


#: The errors that a server tells its clients, by their codes. Classes that only group others have
#: no code of their own.
ERRORS: Mapping[str, type[ZoldyQError]] = {
    error.code: error
    for error in _subclasses_of(ZoldyQError)
    if error.status is not None and "code" in vars(error)
}
