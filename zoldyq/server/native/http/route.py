"""Where a request goes: to the event loop, to a session or to the application."""

from __future__ import annotations

import enum
from typing import NamedTuple

from zoldyq.server.api.operations import DequeueCall, EnqueueCall
from zoldyq.server.api.router import Target
from zoldyq.wire import Headers, Reply


class Kind(enum.Enum):
    """Who answers a request."""

    LOOP = "the event loop"
    WEBSOCKET = "a thread of its own"
    APPLICATION = "the WSGI application, on the worker pool"


class Refusal(NamedTuple):
    """The reply to every request with the same fault in its head.

    ``code`` is that of the error, ``token`` the name of a token that lacks the right.
    """

    code: str
    reply: Reply
    token: object = None


class Route:
    """Where a request goes, with what is known of it before its body."""

    __slots__ = ("cors", "dequeue", "enqueue", "kind", "refusal", "target")

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.cors: Headers = ()
        self.enqueue: EnqueueCall | None = None
        self.dequeue: DequeueCall | None = None
        self.refusal: Refusal | None = None
        self.target: Target | None = None


#: The route of a head for which none has been worked out yet.
NO_ROUTE = Route(Kind.APPLICATION)
