"""Accepting connections."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

from zoldyq.server.native.loop.poller import READ
from zoldyq.server.native.loop.reactor import Reactor
from zoldyq.server.sockets import close_listening

_log = logging.getLogger(__name__)

_ACCEPTS_A_TURN = 128
#: How long to leave new connections alone when there are no descriptors left, in seconds.
_PAUSE = 0.1
#: How often to say so, in seconds.
_SAY_AGAIN = 60.0
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_NEVER = float("inf")

Accepted = Callable[[socket.socket, tuple[str, int]], None]


class Listener:
    """Accepts connections from one listening socket, on a reactor's thread."""

    busy = False

    def __init__(self, sock: socket.socket, reactor: Reactor, accepted: Accepted) -> None:
        self.deadline = self.scheduled = _NEVER
        self._sock = sock
        self._reactor = reactor
        self._accepted = accepted
        self._pauses = 0  # since the last time that they were logged
        self._said_at = -_NEVER
        reactor.add(sock.fileno(), self, READ)

    def on_event(self, flags: int) -> None:
        """Accept what is there, up to a bound that leaves time for the other connections."""
        for _ in range(_ACCEPTS_A_TURN):
            try:
                sock, address = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(error)
                    return
                continue  # the client has gone before it was accepted
            self._hand_on(sock, address)

    def on_deadline(self) -> None:
        """Accept again after a pause."""
        self.deadline = _NEVER
        self._reactor.watch(self._sock.fileno(), READ)

    def close(self) -> None:
        """Stop listening; what waits in the backlog is refused by the kernel."""
        if self._sock.fileno() < 0:
            return
        self._reactor.remove(self._sock.fileno())
        self._reactor.forget(self)
        close_listening(self._sock)

    def _hand_on(self, sock: socket.socket, address: tuple[Any, ...] | str) -> None:
        """Set up the socket of a new connection and give it away; close it if it is broken."""
        try:
            sock.setblocking(False)
            if isinstance(address, str) or sock.family == socket.AF_UNIX:
                address = ("unix", 0)
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            sock.close()
            return
        self._accepted(sock, (address[0], address[1]))

    def _pause(self, error: OSError) -> None:
        """Leave the backlog alone for a moment: accepting would fail at once again."""
        self._pauses += 1
        if self._reactor.now >= self._said_at + _SAY_AGAIN:
            _log.warning(
                "cannot accept connections for now: %s (%d times since the last such line); "
                "raise the limit on open files, or lower max_connections",
                error.strerror,
                self._pauses,
            )
            self._pauses = 0
            self._said_at = self._reactor.now
        self._reactor.watch(self._sock.fileno(), 0)
        self.deadline = self._reactor.now + _PAUSE
        self._reactor.schedule(self)
