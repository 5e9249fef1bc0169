"""The event loop: one thread, its sockets, its deadlines and one door for other threads.

Only the loop's thread touches what it serves. A turn of the loop does all due work first, which
tells how long it may sleep; then it handles what the poller reports, and after each event the
connections that were woken by it, before the next one.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from zoldyq.server.native.loop.door import Door
from zoldyq.server.native.loop.poller import READ, make_poller

_log = logging.getLogger(__name__)

#: The longest sleep in seconds. Without the GIL, memory of this thread's objects that other threads
#: freed is given back only while the thread runs, so it does not sleep longer even if idle.
_LONGEST_SLEEP = 1.0
_NEVER = float("inf")
#: How long clients have, once the loop is to end, to take responses that were begun, in seconds.
_LAST_SECONDS = 2.0


class Handler(Protocol):
    """Serves one socket."""

    @property
    def busy(self) -> bool:
        """Whether it has begun to send something, which is to go out before the loop ends."""

    def on_event(self, flags: int) -> None:
        """React to what the poller saw."""

    def close(self) -> None:
        """Let go of the socket; called at the end of the loop, and after an unexpected error."""


class Timed(Protocol):
    """Has a deadline in seconds of the monotonic clock, which may move at any time.

    ``scheduled`` belongs to the reactor: when it will look at the deadline next.
    """

    deadline: float
    scheduled: float

    def on_deadline(self) -> None:
        """React to a deadline that has passed."""

    def close(self) -> None:
        """Let go of the socket; called after an unexpected error."""


class Resumable(Protocol):
    """Something that had more to do than one turn should take."""

    def on_again(self) -> None:
        """Go on."""

    def close(self) -> None:
        """Let go of the socket; called after an unexpected error."""


class Wakeable(Protocol):
    """Something that sleeps in a queue's line."""

    def on_wake(self, generation: int) -> None:
        """Look at what has come; ``generation`` tells which sleep was meant."""

    def close(self) -> None:
        """Let go of the socket; called after an unexpected error."""


class Reactor:
    """One event loop. Construct it anywhere; all but ``post``, ``wake`` and ``stop`` is its own."""

    def __init__(self, name: str, on_second: Callable[[int], None]) -> None:
        self.name = name
        self._on_second = on_second  # told the whole seconds since the epoch, each turn
        #: The time of this turn: seconds of the monotonic clock, and microseconds since the epoch.
        self.now = time.monotonic()
        self.wall_us = 0
        self._poller = make_poller()
        self._handlers: dict[int, Handler] = {}
        self._timers: list[tuple[float, int, Timed]] = []
        self._timer_order = itertools.count()
        self._forgotten = 0  # about how many entries of _timers mean nothing any more
        self._woken: deque[tuple[Wakeable, int]] = deque()
        self._again: list[Resumable] = []
        self._before_sleep: list[Callable[[], None]] = []
        self._unfinished: list[Callable[[], bool]] = []
        self._last: set[int] = set()  # descriptors that are closed behind all others
        self._thread_id = 0
        self._stopping = False
        self._door = Door()
        self.add_last(self._door.fileno(), self._door, READ)

    # -- from any thread ---------------------------------------------------------------------

    def post(self, call: Callable[[], None]) -> None:
        """Have ``call()`` made by the loop's thread."""
        self._door.enter(call)

    def wake(self, sleeper: Wakeable, generation: int) -> None:
        """Have ``sleeper.on_wake(generation)`` called by the loop's thread."""
        if threading.get_ident() == self._thread_id:
            self._woken.append((sleeper, generation))
        else:
            self._door.enter(partial(self._guard, sleeper, sleeper.on_wake, generation))

    def stop(self) -> None:
        """End :meth:`run` once the responses that were begun are out, within a few seconds."""
        self._door.enter(self._stop)

    # -- the loop ----------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until stopped, then close everything that is still open."""
        self._thread_id = threading.get_ident()
        try:
            while not self._stopping:
                self._turn(self._tick())
            deadline = self.now + _LAST_SECONDS
            while self._close_idle() and self.now < deadline:
                self._turn(min(self._tick(), deadline - self.now))
            self._close_clients()
            deadline = self.now + _LAST_SECONDS
            while any(unfinished() for unfinished in self._unfinished) and self.now < deadline:
                self._turn(min(self._tick(), deadline - self.now))
        finally:
            for handler in list(self._handlers.values()):
                handler.close()
            self._poller.close()

    def _turn(self, sleep: float) -> None:
        again, self._again = self._again, []
        events = self._poller.poll(0 if again else sleep)
        self._read_clocks()
        handlers = self._handlers
        for fd, flags in events:
            handler = handlers.get(fd)
            if handler is None:
                continue  # closed by an earlier event of this turn
            try:
                handler.on_event(flags)
            except Exception:  # noqa: BLE001 - one connection must not end them all
                _close_after_error(handler)
            if self._woken:
                self._serve_woken()
        for resumable in again:
            self._guard(resumable, resumable.on_again)
            if self._woken:
                self._serve_woken()

    def _tick(self) -> float:
        """Do all that is due and return the seconds that the loop may sleep."""
        while self._timers and self._timers[0][0] <= self.now:
            due, _, timed = heapq.heappop(self._timers)
            if due != timed.scheduled:
                continue  # an earlier look was asked for, and has been taken
            timed.scheduled = _NEVER
            if timed.deadline <= self.now:
                self._guard(timed, timed.on_deadline)
            elif timed.deadline != _NEVER:
                self.schedule(timed)
        if self._woken:
            self._serve_woken()
        for call in self._before_sleep:
            call()
        if not self._timers:
            return _LONGEST_SLEEP
        return min(max(self._timers[0][0] - time.monotonic(), 0), _LONGEST_SLEEP)

    def _serve_woken(self) -> None:
        while self._woken:
            sleeper, generation = self._woken.popleft()
            self._guard(sleeper, sleeper.on_wake, generation)

    @staticmethod
    def _guard(
        owner: Timed | Wakeable | Resumable, call: Callable[..., None], *arguments: object
    ) -> None:
        """Make a call for a socket's owner, which an unexpected error closes."""
        try:
            call(*arguments)
        except Exception:  # noqa: BLE001 - one connection must not end them all
            _close_after_error(owner)

    def _close_idle(self) -> bool:
        """Close what sends nothing; tell whether something else is left."""
        clients = self._clients()
        for handler in clients:
            if not handler.busy:
                handler.close()
        return any(handler.busy for handler in clients)

    def _close_clients(self) -> None:
        for handler in self._clients():
            handler.close()

    def _clients(self) -> list[Handler]:
        return [handler for fd, handler in self._handlers.items() if fd not in self._last]

    def _read_clocks(self) -> None:
        self.now = time.monotonic()
        nanoseconds = time.time_ns()
        self.wall_us = nanoseconds // 1000
        self._on_second(nanoseconds // 1_000_000_000)

    def _stop(self) -> None:
        self._stopping = True

    # -- for handlers, on the loop's thread --------------------------------------------------

    def add(self, fd: int, handler: Handler, interest: int) -> None:
        """Begin to serve a descriptor."""
        self._handlers[fd] = handler
        self._poller.register(fd, interest)

    def add_last(self, fd: int, handler: Handler, interest: int) -> None:
        """Begin to serve a descriptor, which is closed behind all others when the loop ends."""
        self._last.add(fd)
        self.add(fd, handler, interest)

    def watch(self, fd: int, interest: int) -> None:
        """Change what a descriptor is watched for."""
        self._poller.modify(fd, interest)

    def again(self, resumable: Resumable) -> None:
        """Have ``resumable.on_again()`` called in the next turn, which begins without a sleep."""
        self._again.append(resumable)

    def remove(self, fd: int) -> None:
        """Cease to serve a descriptor, which its owner closes."""
        self._last.discard(fd)
        if self._handlers.pop(fd, None) is not None:
            try:
                self._poller.unregister(fd)
            except OSError as error:  # ssl closes a socket itself if the peer has just left
                _log.debug("descriptor %d was closed already: %s", fd, error)

    def before_sleep(self, call: Callable[[], None], unfinished: Callable[[], bool]) -> None:
        """Have ``call()`` made at the end of each turn, before the loop sleeps. It must not raise.

        When the loop is to end, and all clients have gone, it goes on for up to two seconds as
        long as ``unfinished()``.
        """
        self._before_sleep.append(call)
        self._unfinished.append(unfinished)

    def schedule(self, timed: Timed) -> None:
        """Look at ``timed.deadline`` when it has come.

        Needed only when it moved before ``timed.scheduled``: a deadline that moves away, as one
        does with every request, costs nothing until the old one has come.
        """
        timed.scheduled = timed.deadline
        heapq.heappush(self._timers, (timed.deadline, next(self._timer_order), timed))

    def forget(self, timed: Timed) -> None:
        """Never look at this deadline again.

        Its entry stays in the heap until it comes up, or until such entries are the most: else
        short-lived connections would pile up for as long as their deadlines are away.
        """
        timed.deadline = timed.scheduled = _NEVER
        self._forgotten += 1
        if self._forgotten > 256 + len(self._timers) // 2:
            self._timers = [entry for entry in self._timers if entry[0] == entry[2].scheduled]
            heapq.heapify(self._timers)
            self._forgotten = 0


def _close_after_error(owner: Handler | Timed | Wakeable | Resumable) -> None:
    """Close what raised an error, which is being handled. The loop goes on in any case."""
    _log.exception("closing a connection after an unexpected error")
    try:
        owner.close()
    except Exception:  # noqa: BLE001 - one connection must not end them all
        _log.exception("a connection could not be closed in order")
