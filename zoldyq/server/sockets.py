"""Listening sockets, the same for every server."""

from __future__ import annotations

import errno
import socket
from pathlib import Path


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


def describe(sock: socket.socket, scheme: str = "http") -> str:
    """Return the address of a listening socket as a person would type it."""
    if sock.family == socket.AF_UNIX:
        return f"unix:{sock.getsockname()}"
    host, port = sock.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def close_listening(sock: socket.socket) -> None:
    """Close a listening socket, and remove the file of a Unix domain one."""
    if sock.family == socket.AF_UNIX:
        Path(sock.getsockname()).unlink(missing_ok=True)
    sock.close()
