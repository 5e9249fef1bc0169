"""The one way into an event loop from another thread."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Door:
    """The one way into the loop from another thread: a list of calls and a byte to wake it."""

    busy = False

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the next three
        self._calls: list[Callable[[], None]] = []
        self._rung = False
        self._closed = False
        self._inside, self._outside = socket.socketpair()
        self._inside.setblocking(False)
        self._outside.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when somebody has entered."""
        return self._inside.fileno()

    def enter(self, call: Callable[[], None]) -> None:
        """Have ``call()`` made by the loop's thread, soon and in order, unless it has ended."""
        with self._lock:
            if self._closed:
                return
            self._calls.append(call)
            if not self._rung:
                self._rung = True
                self._outside.send(b"!")  # it has room for one byte, and so never blocks

    def on_event(self, flags: int) -> None:
        """Make the calls that have come."""
        self._inside.recv(64)
        with self._lock:
            calls, self._calls = self._calls, []
            self._rung = False
        for call in calls:
            try:
                call()
            except Exception:  # noqa: BLE001 - the door must stay open for all others
                _log.exception("an unexpected error in the event loop")

    def close(self) -> None:
        """Close both ends; calls that enter from now on are not made."""
        with self._lock:
            self._closed = True
        self._inside.close()
        self._outside.close()
