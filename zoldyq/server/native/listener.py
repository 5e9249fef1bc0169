"""Listening sockets: opening them, and accepting from them."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from pathlib import Path

from zoldyq.server.native.poller import READ
from zoldyq.server.native.reactor import Reactor

_log = logging.getLogger(__name__)

_ACCEPTS_A_TURN = 128
#: How long to leave new connections alone when there are no descriptors left, in seconds.
_PAUSE = 0.1
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_NEVER = float("inf")

Accepted = Callable[[socket.socket, tuple[str, int]], None]


def open_tcp(host: str, port: int, backlog: int) -> list[socket.socket]:
    """Listen on every address that ``host`` stands for, all with the same port.

    Port 0 picks a free one. Raises OSError where an address cannot be had.
    """
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            if sockets:
                port = sockets[0].getsockname()[1]
            sockets.append(_listen_on(family, (address[0], port, *address[2:]), backlog))
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _listen_on(family: int, address: tuple[object, ...], backlog: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            # "::" takes IPv4 clients, too; any other address is for itself.
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != "::")
        sock.bind(address)
        sock.listen(backlog)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def open_unix(path: str, backlog: int) -> socket.socket:
    """Listen on a Unix domain socket, in the place of one that nobody listens on any more.

    Raises OSError where the path is taken by something else or cannot be had.
    """
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        sock.listen(backlog)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _remove_stale(path: str) -> None:
    if not Path(path).exists():
        return
    if not Path(path).is_socket():
        raise FileExistsError(errno.EEXIST, "the path exists and is no socket", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
            return
    raise OSError(errno.EADDRINUSE, "another server listens there", path)


def describe(sock: socket.socket) -> str:
    """Return the address of a listening socket as a person would type it."""
    if sock.family == socket.AF_UNIX:
        return f"unix:{sock.getsockname()}"
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Listener:
    """Accepts connections from one listening socket, on a reactor's thread."""

    def __init__(self, sock: socket.socket, reactor: Reactor, accepted: Accepted) -> None:
        self.deadline = self.scheduled = _NEVER
        self._sock = sock
        self._reactor = reactor
        self._accepted = accepted
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
            sock.setblocking(False)
            if sock.family == socket.AF_UNIX:
                address = ("unix", 0)
            else:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._accepted(sock, (address[0], address[1]))

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
        if self._sock.family == socket.AF_UNIX:
            Path(self._sock.getsockname()).unlink(missing_ok=True)
        self._sock.close()

    def _pause(self, error: OSError) -> None:
        """Leave the backlog alone for a moment: accepting would fail at once again."""
        _log.warning(
            "cannot accept connections for now: %s; raise the limit on open files, "
            "or lower max_connections",
            error.strerror,
        )
        self._reactor.watch(self._sock.fileno(), 0)
        self.deadline = self._reactor.now + _PAUSE
        self._reactor.schedule(self)
