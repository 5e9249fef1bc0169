"""What goes wrong between a client and its server.

What the server refuses is raised as the class of :mod:`zoldyq.errors` that has the code of the
reply. The classes here stand beside them, under the same root::

    ZoldyQError
    +-- ClientError
        +-- InvalidUrl          this is not the address of a server
        +-- InvalidOption       an option of the client has a wrong value
        +-- ClientClosed        the client or producer was closed
        +-- ServerUnreachable
        |   +-- ConnectionFailed    nothing was sent
        |   +-- ConnectionLost      the request was sent, and its reply never came
        |       +-- GatewayReply    a proxy answered that it does not reach the server
        +-- UnexpectedReply     what answers there is not a ZoldyQ server
        +-- InvalidPayload      a value that JSON cannot express
        +-- UnreadablePayload   the payload of a message is beyond what Python can decode
        +-- BufferFull          a producer has no room for another message
        +-- NotAcknowledged     messages of a producer are still in its buffer
        +-- MessagesUnsent      messages of a producer were not sent, and will not be
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from zoldyq.contract.errors import ERRORS, Unauthorized, ZoldyQError

# What gateways answer while they do not reach a server, or protect it: also from clients that
# send too much.
_GATEWAY_STATUSES = frozenset({408, 429})


#: What to do about what OpenSSL finds, by its word for it.
_TLS_ADVICE = {
    "WRONG_VERSION_NUMBER": "no TLS is spoken there, write http://",
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted, name its authority with ca_file "
    "or --cacert",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it asks for a certificate, name yours with cert_file or "
    "--cert",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not trust the authority of your certificate",
}


class ClientError(ZoldyQError):
    """Something that the client found out, and no server said."""

    code = "client_error"


class InvalidUrl(ClientError):
    """The URL does not name a server."""

    code = "invalid_url"


class InvalidOption(ClientError):
    """An option of the client has a value with which no request can be sent."""

    code = "invalid_option"


class ClientClosed(ClientError):
    """The client or producer was closed before."""

    code = "client_closed"


class ServerUnreachable(ClientError):
    """The server cannot be reached now. It may be later."""

    code = "server_unreachable"


class ConnectionFailed(ServerUnreachable):
    """There is no connection. Nothing was sent, so it is safe to send it again."""

    code = "connection_failed"


class ConnectionLost(ServerUnreachable):
    """The connection broke, or nothing came in time, while a reply was due.

    The server may have done what was asked for, or not.
    """

    code = "connection_lost"


class GatewayReply(ConnectionLost):
    """A proxy between client and server answered itself; ``details["status"]`` is its status.

    The server may have done what was asked for, or not: a proxy does not tell.
    """

    code = "gateway_reply"


class UnexpectedReply(ClientError):
    """The reply is not one of a ZoldyQ server; ``details`` hold its status."""

    code = "unexpected_reply"


class InvalidPayload(ClientError, TypeError):
    """JSON cannot express the value, so it was not sent."""

    code = "invalid_payload"


class UnreadablePayload(ClientError):
    """The payload is valid JSON that Python cannot hold: a number such as 1e400, for example.

    ``raw`` is its text, as ``message.raw`` is.
    """

    code = "unreadable_payload"

    def __init__(self, raw: bytes, reason: Exception) -> None:
        super().__init__(f"this payload cannot be decoded ({reason}): read its text from raw")
        self.raw = raw


class BufferFull(ClientError):
    """A producer's buffer is full. The message was not taken; the others stay."""

    code = "buffer_full"


class NotAcknowledged(ClientError):
    """The time is over, and ``details["pending"]`` messages of a producer are not acknowledged.

    They stay in its buffer, and the producer goes on sending them.
    """

    code = "not_acknowledged"


class MessagesUnsent(ClientError):
    """A producer could not send messages and has given them up; ``__cause__`` is the reason.

    ``payloads`` are their JSON texts, in order. If the reason is a :class:`ConnectionLost`, the
    server may have queued the first batch of them.
    """

    code = "messages_unsent"

    def __init__(self, payloads: Sequence[bytes], reason: Exception | None) -> None:
        why = "the time was over" if reason is None else str(reason)
        super().__init__(f"{len(payloads)} messages were not sent: {why}", unsent=len(payloads))
        self.payloads = payloads


def connection_failed(url: str, error: Exception) -> ConnectionFailed:
    """Return the error for a connection that could not be made."""
    return ConnectionFailed(
        f"cannot reach {url} ({reason_of(error)}): is the server running, and is this its address?"
    )


def reason_of(error: BaseException) -> str:
    """Return what the system said, without the objects that libraries put in front of it."""
    while error.__cause__ is not None:
        error = error.__cause__
    said = str(getattr(error, "strerror", None) or error)
    advice = _TLS_ADVICE.get(getattr(error, "reason", None) or "")
    return f"{advice}: {said}" if advice else said


def error_of(status: int, body: bytes, where: str, *, with_token: bool = False) -> ZoldyQError:
    """Return the error that a reply stands for.

    ``where`` is the address that sent it; ``with_token`` tells whether the request had a token.
    """
    document = _refusal(body)
    if document is None:
        return _error_of_a_stranger(status, where)
    code, message = document.pop("error"), document.pop("message")
    found = ERRORS.get(str(code))
    if found is None:
        return UnexpectedReply(str(message), **{**document, "status": status, "error": code})
    if found is Unauthorized:
        return Unauthorized(_about_the_token(str(message), with_token), **document)
    return found(str(message), **document)


def is_of_a_stranger(status: int, body: bytes) -> bool:
    """Tell whether a reply is an error of something else than a ZoldyQ server, such as a proxy."""
    return status >= 400 and _refusal(body) is None


def _refusal(body: bytes) -> dict[str, object] | None:
    """Return the document of an error of ZoldyQ, None where the body is something else."""
    try:
        document = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return document if "error" in document and "message" in document else None


def _error_of_a_stranger(status: int, where: str) -> ZoldyQError:
    if status >= 500 or status in _GATEWAY_STATUSES:
        return GatewayReply(
            f"{where} answered {status}, and not as a ZoldyQ server does: a gateway in front of "
            "the server does not reach it now. The server may have done what was asked for, or not",
            status=status,
        )
    return UnexpectedReply(
        f"{where} answered {status} and not as a ZoldyQ server does: check the address, "
        "and what stands between you and the server",
        status=status,
    )


def _about_the_token(message: str, with_token: bool) -> str:
    if with_token:
        return f"the server does not know the token that this client has ({message})"
    return f"this client has no token, and the server asks for one ({message})"
