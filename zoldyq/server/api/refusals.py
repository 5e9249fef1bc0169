"""How requests are refused: each refusal is counted by its code, and answered in one form."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping

from zoldyq import wire
from zoldyq.contract.errors import InternalError, MethodNotAllowed, ZoldyQError
from zoldyq.wire import Headers, Reply

_log = logging.getLogger(__name__)


class Refusals:
    """Counts refusals by their codes. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the fields below
        self._counts: Counter[str] = Counter()
        self._forbidden: Counter[str] = Counter()

    def count(self, code: str, token: object = None) -> None:
        """Take note of a refusal that was answered; ``token`` names one that lacks the right."""
        with self._lock:
            self._counts[code] += 1
            if token is not None:
                self._forbidden[str(token)] += 1

    def snapshot(self) -> Mapping[str, int]:
        """Return how many refusals there were, by code; those that never came are left out."""
        with self._lock:
            return dict(self._counts)

    def forbidden(self) -> Mapping[str, int]:
        """Return how many requests lacked a right, by the names of their tokens."""
        with self._lock:
            return dict(self._forbidden)

    def refuse(self, error: Exception, headers: Headers = ()) -> Reply:
        """Return the reply to a request that raised an error, and count it.

        An error that is none of ZoldyQ's is a fault of the server: it is logged, and the client
        learns no more than that there was one. ``headers`` come with the reply.
        """
        refusal = told(error)
        self.count(refusal.code, refusal.details.get("token"))
        return refusal_reply(refusal, headers)


def told(error: Exception) -> ZoldyQError:
    """Return what a client may know of an error; a fault of the server is logged."""
    if isinstance(error, ZoldyQError):
        return error
    _log.error("a request was answered 500", exc_info=error)
    return internal_error()


def internal_error() -> InternalError:
    """Return what a client is told of a fault of the server."""
    return InternalError("something went wrong inside the server: its log says what")


def refusal_reply(error: ZoldyQError, headers: Headers = ()) -> Reply:
    """Return the reply that tells of an error, uncounted."""
    if isinstance(error, MethodNotAllowed) and "allow" in error.details:
        headers = (("Allow", str(error.details["allow"])), *headers)
    return wire.error_reply(error, headers)
