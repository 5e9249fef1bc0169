"""A bell that a thread hears while it waits for a socket."""

from __future__ import annotations

import os
import socket
import threading


class SocketBell:
    """Becomes readable when rung. Any thread may ring; one thread listens and clears.

    It costs one descriptor on Linux and two elsewhere.
    """

    def __init__(self) -> None:
        """Raises OSError where the process has no descriptor left."""
        # Guards the fields below. Held across a write that never blocks, so that nobody writes to
        # a descriptor that was closed and means something else by now.
        self._lock = threading.Lock()
        self._rung = False
        self._closed = False
        self._ends = _open_ends()

    def fileno(self) -> int:
        """Return the descriptor that is readable from a ring to the next :meth:`clear`."""
        return self._ends.fileno()

    def ring(self) -> None:
        """Make the bell readable. Does nothing once it is closed."""
        with self._lock:
            if not (self._rung or self._closed):
                self._rung = True
                self._ends.write()

    def clear(self) -> None:
        """Make the bell silent. Call this before looking at what it was rung for."""
        with self._lock:
            if self._rung and not self._closed:
                self._rung = False
                self._ends.read()

    def close(self) -> None:
        """Free the descriptors."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._ends.close()


class _EventDescriptor:
    """The ends of a bell in one descriptor, as Linux has it."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        return self._descriptor

    def write(self) -> None:
        os.eventfd_write(self._descriptor, 1)

    def read(self) -> None:
        os.eventfd_read(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class _SocketPair:
    """The ends of a bell as two sockets, which every system has."""

    def __init__(self) -> None:
        self._listening, self._ringing = socket.socketpair()
        self._listening.setblocking(False)
        self._ringing.setblocking(False)

    def fileno(self) -> int:
        return self._listening.fileno()

    def write(self) -> None:
        self._ringing.send(b"!")  # there is at most one byte on its way

    def read(self) -> None:
        self._listening.recv(1)

    def close(self) -> None:
        self._listening.close()
        self._ringing.close()


def _open_ends() -> _EventDescriptor | _SocketPair:
    return _EventDescriptor() if hasattr(os, "eventfd") else _SocketPair()
