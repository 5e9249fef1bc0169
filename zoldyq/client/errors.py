"""What goes wrong between a client and its server.

What the server refuses is raised as the class of :mod:`zoldyq.errors` that has the code of the
reply. The classes here stand beside them, under the same root::

    ZoldyQError
    +-- ClientError
        +-- InvalidUrl          this is no address of a server
        +-- ServerUnreachable
        |   +-- ConnectionFailed    nothing was sent
        |   +-- ConnectionLost      the request was sent, and its reply never came
        +-- UnexpectedReply     whatever answers there, it is no ZoldyQ server
        +-- MessagesUnsent      a producer could not get rid of its messages
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from zoldyq.contract.errors import ZoldyQError


class ClientError(ZoldyQError):
    """Something that the client found out, and no server said."""

    code = "client_error"


class InvalidUrl(ClientError):
    """The URL names no server."""

    code = "invalid_url"


class ServerUnreachable(ClientError):
    """There is no talking to the server."""

    code = "server_unreachable"


class ConnectionFailed(ServerUnreachable):
    """No connection came about. Nothing was sent, so sending it again is safe."""

    code = "connection_failed"


class ConnectionLost(ServerUnreachable):
    """The connection broke, or nothing came in time, while a reply was due.

    The server may have done what was asked for, or not.
    """

    code = "connection_lost"


class UnexpectedReply(ClientError):
    """The reply is none of a ZoldyQ server; ``details`` hold its status."""

    code = "unexpected_reply"


class MessagesUnsent(ClientError):
    """A producer gave up; ``__cause__`` is the reason.

    ``payloads`` are the JSON texts that were not acknowledged, in order. If the reason is a
    :class:`ConnectionLost`, the server may have queued the first batch of them nevertheless.
    """

    code = "messages_unsent"

    def __init__(self, payloads: Sequence[bytes], reason: Exception) -> None:
        super().__init__(f"{len(payloads)} messages were not sent: {reason}", unsent=len(payloads))
        self.payloads = payloads


def error_of(status: int, body: bytes, where: str) -> ZoldyQError:
    """Return the error that a reply stands for; ``where`` is the address that sent it."""
    try:
        document = msgspec.json.decode(body, type=dict[str, object])
        code, message = document.pop("error"), document.pop("message")
    except (msgspec.DecodeError, KeyError):
        return UnexpectedReply(
            f"{where} answered {status} and not as a ZoldyQ server does: check the address, "
            "and what stands between you and the server",
            status=status,
        )
    found = _CLASS_OF.get(str(code))
    if found is None:
        return UnexpectedReply(str(message), **{**document, "status": status, "error": code})
    return found(str(message), **document)


def _with_subclasses(error: type[ZoldyQError]) -> Iterator[type[ZoldyQError]]:
    yield error
    for subclass in error.__subclasses__():
        yield from _with_subclasses(subclass)


# Classes that only group others have the code of the root, and no server sends that.
_CLASS_OF = {
    error.code: error
    for error in _with_subclasses(ZoldyQError)
    if "code" in vars(error) and not issubclass(error, ClientError)
}
