"""How many bytes wait in a socket's buffers, where the system tells."""

from __future__ import annotations

import socket
import struct

try:
    import fcntl
    import termios
except ImportError:  # not on every platform
    fcntl = termios = None  # type: ignore[assignment]

# Linux has both requests for TCP and Unix domain sockets: tcp(7) and unix(7), SIOCOUTQ, SIOCINQ.
_OUTGOING: int | None = getattr(termios, "TIOCOUTQ", None)
_INCOMING: int | None = getattr(termios, "FIONREAD", None)
_ZERO = struct.pack("i", 0)


def unacknowledged_bytes(sock: socket.socket) -> int:
    """Return how many bytes the kernel still holds for the peer; 0 where it does not tell."""
    return _ask(sock, _OUTGOING)


def unread_bytes(sock: socket.socket) -> int:
    """Return how many bytes have come and were not read; 0 where the kernel does not tell."""
    return _ask(sock, _INCOMING)


def _ask(sock: socket.socket, request: int | None) -> int:
    if request is None:
        return 0
    try:
        answer = fcntl.ioctl(sock.fileno(), request, _ZERO)
    except OSError:
        return 0
    size: int = struct.unpack("i", answer)[0]
    return size
