"""Waiting for a socket and a bell at the same time."""

from __future__ import annotations

import math
import select
import socket

from zoldyq.server.websocket.bell import SocketBell

#: What :meth:`PollWatch.wait` reports. Errors and the end of a connection count as both of the
#: first two: reading or writing tells which it is. HUNG_UP comes in addition to one of them.
READABLE, WRITABLE, HUNG_UP = 1, 2, 4

_HANG_UP = getattr(select, "POLLRDHUP", 0)
_READ_MASK = getattr(select, "POLLIN", 0) | _HANG_UP
#: The longest time that poll(2) takes: it counts milliseconds in an int.
_LONGEST_SECONDS = 2_000_000.0


class PollWatch:
    """Waits with poll(2), for any descriptor. One thread uses it.

    A peer that sends nothing any more is noticed while there is something to read, and with
    ``hang_ups`` also while there is something to write, on Linux.
    """

    def __init__(self, sock: socket.socket, bell: SocketBell, *, hang_ups: bool) -> None:
        self._bell = bell
        self._bell_fd = bell.fileno()
        self._socket_fd = sock.fileno()
        self._writes = False
        self._write_mask = select.POLLOUT | (_HANG_UP if hang_ups else 0)
        self._poll = select.poll()
        self._poll.register(self._bell_fd, select.POLLIN)
        self._poll.register(self._socket_fd, _READ_MASK)

    def wait(self, seconds: float, *, writes: bool) -> int:
        """Wait until there is something to read, or room to write if ``writes`` is set.

        Returns flags; 0 when the time was up or the bell rang, which is cleared then. With
        ``writes`` nothing is reported as readable. With HUNG_UP the peer may still have left
        something to read.
        """
        if writes != self._writes:
            self._writes = writes
            self._poll.modify(self._socket_fd, self._write_mask if writes else _READ_MASK)
        seen = 0
        for descriptor, flags in self._poll.poll(_milliseconds(seconds)):
            if descriptor == self._bell_fd:
                self._bell.clear()
            else:
                seen = flags
        if not seen:
            return 0
        hung_up = HUNG_UP if seen & _HANG_UP else 0
        if not writes:
            return hung_up | READABLE
        return hung_up | (WRITABLE if seen & ~_HANG_UP else 0)


class SelectWatch:
    """The same with select(2), for systems without poll(2)."""

    def __init__(self, sock: socket.socket, bell: SocketBell) -> None:
        self._socket = sock
        self._bell = bell

    def wait(self, seconds: float, *, writes: bool) -> int:
        """Wait as :meth:`PollWatch.wait`; it never reports HUNG_UP."""
        reading: list[SocketBell | socket.socket] = [self._bell]
        if not writes:
            reading.append(self._socket)
        writing = [self._socket] if writes else []
        timeout = min(seconds, _LONGEST_SECONDS)
        readable, writable, _ = select.select(reading, writing, (), timeout)
        if self._bell in readable:
            self._bell.clear()
        if writable:
            return WRITABLE
        return READABLE if self._socket in readable else 0


Watch = PollWatch | SelectWatch


def watch(sock: socket.socket, bell: SocketBell, *, hang_ups: bool) -> Watch:
    """Return what waits for both on this system; ``hang_ups`` as for :class:`PollWatch`."""
    if hasattr(select, "poll"):
        return PollWatch(sock, bell, hang_ups=hang_ups)
    return SelectWatch(sock, bell)


def _milliseconds(seconds: float) -> int:
    """Round up, so that a thread does not wake just before its time and find nothing to do."""
    return math.ceil(min(seconds, _LONGEST_SECONDS) * 1000)
