"""Requests that wait, where each holds a thread: under waitress, gunicorn and other WSGI servers.

If all threads of a server wait, it answers no other request, not even that of the producer that
they wait for. So only some requests may wait at once, and one whose client has gone stops.
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from zoldyq.contract.errors import QueueFull, TooManyWaiting
from zoldyq.queue import Bell
from zoldyq.server.api.waits import Wait
from zoldyq.server.wsgi.exchange import Handover
from zoldyq.wire import NOTHING_CAME, Reply

#: How often a waiting request looks whether its client is still there, in seconds.
LOOK_SECONDS = 0.5


class RequestBell(Bell):
    """The bell of a request on a thread. ``peer`` is who sent it."""

    __slots__ = ("peer",)

    def __init__(self, peer: tuple[str, int]) -> None:
        super().__init__()
        self.peer = peer


class ThreadWaits:
    """Lets at most ``max_waiting`` requests wait at once."""

    def __init__(self, max_waiting: int) -> None:
        self._slots = threading.BoundedSemaphore(max_waiting)
        self._max_waiting = max_waiting

    def settle(self, handover: Handover, bell: Bell, environ: Mapping[str, Any]) -> Reply:
        """Turn the outcome of an operation into a reply; wait on this thread if need be.

        ``bell`` is what the operation was told to ring. The handover owns the outcome all the
        time. If the client goes in the meantime, what it was given goes back.

        Raises:
            TooManyWaiting: it would have to wait, and as many requests wait as may.
            QueueFull, MemoryLimit, MaxQueuesReached, ShuttingDown: as :meth:`EnqueueWait.finish`.
        """
        outcome = handover.outcome
        if isinstance(outcome, Reply):
            return outcome
        if outcome is None:
            raise ValueError("an operation has to give an outcome before it is settled")
        if not outcome.stands:
            return _sit_out(handover, outcome, bell, hang_up_check(environ))
        if not self._slots.acquire(blocking=False):
            return self._finish_at_once(handover, outcome, bell)
        try:
            return _sit_out(handover, outcome, bell, hang_up_check(environ))
        finally:
            self._slots.release()

    def _finish_at_once(self, handover: Handover, wait: Wait[Reply], bell: Bell) -> Reply:
        """Quit the line. What was won on the way in counts: the messages have moved already."""
        try:
            handover.outcome = reply = _expire(wait, bell)
        except QueueFull:
            reply = None
        if reply is None or (reply.delivered is None and reply.status == NOTHING_CAME.status):
            raise TooManyWaiting(
                f"{self._max_waiting} requests wait already, each on a thread of this server: "
                "ask without a timeout, or raise max_waiting and the number of threads",
                max_waiting=self._max_waiting,
            )
        return reply


def _sit_out(
    handover: Handover, wait: Wait[Reply], bell: Bell, has_gone: Callable[[], bool]
) -> Reply:
    deadline = time.monotonic() + wait.timeout
    while (now := time.monotonic()) < deadline:
        rung = bell.sleep(min(deadline, now + LOOK_SECONDS))
        # Also once the bell has rung: the client may have gone since the last look, and then
        # the messages that it won must go back.
        if has_gone():
            handover.close()
            return NOTHING_CAME
        reply = wait.finish() if rung else None
        if reply is not None:
            handover.outcome = reply
            return reply
    handover.outcome = reply = _expire(wait, bell)
    return reply


def _expire(wait: Wait[Reply], bell: Bell) -> Reply:
    """End a wait whose time is up, giving a queue that lives elsewhere the moment that it needs."""
    while (reply := wait.finish(expired=True)) is None:
        bell.sleep(None)
    return reply


def hang_up_check(environ: Mapping[str, Any]) -> Callable[[], bool]:
    """Return what tells whether the client of a request has gone.

    waitress knows it if it looks ahead (``channel_request_lookahead``); gunicorn gives the
    socket. Under a server that offers neither, a client counts as present until a write fails.
    """
    check: Callable[[], bool] | None = environ.get("waitress.client_disconnected")
    if check is not None:
        return check
    sock = environ.get("gunicorn.socket")
    if sock is not None and hasattr(select, "POLLRDHUP"):
        return partial(_has_hung_up, sock.fileno())
    return _never


def _has_hung_up(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLRDHUP)  # errors and a full hang-up are always reported
    return bool(poll.poll(0))


def _never() -> bool:
    return False
