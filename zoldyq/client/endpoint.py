"""A server as one client sees it: its address, and what each connection and request has."""

from __future__ import annotations

import math
import socket
import ssl
from collections.abc import Mapping

from zoldyq.client.address import Address
from zoldyq.client.deadline import Deadline
from zoldyq.client.errors import InvalidOption
from zoldyq.client.forks import close_in_children
from zoldyq.client.headers import Headers, request_headers
from zoldyq.client.tls import tls_context

# A peer that vanished without a word is noticed after about a minute, in the middle of a long
# wait as well: name of the option, and seconds or number of probes.
_KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}


class Endpoint:
    """Where a server is and how it is spoken to.

    Raises:
        InvalidUrl, InvalidOption: one of the options is wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        ca_file: str | None = None,
        verify: bool = True,
        cert_file: str | None = None,
        key_file: str | None = None,
        connect_timeout: float = 5.0,
        reply_timeout: float = 5.0,
    ) -> None:
        self.address = Address.parse(url)
        self.headers: Headers = request_headers(token, headers)
        self.tls: ssl.SSLContext | None = tls_context(
            self.address, ca_file=ca_file, verify=verify, cert_file=cert_file, key_file=key_file
        )
        self.connect_timeout = _limit("connect_timeout", connect_timeout)
        self.reply_timeout = _limit("reply_timeout", reply_timeout)

    @property
    def url(self) -> str:
        """The server's URL."""
        return self.address.url

    def connect(self, timeout: float) -> socket.socket:
        """Return a new connection, with TLS where the address asks for it.

        ``timeout`` bounds all of it, in seconds, but for the look-up of the host's name. It stays
        the socket's time-out.

        Raises:
            OSError: there is none.
        """
        deadline = Deadline(timeout)
        sock = self._connect_plain(deadline)
        if self.tls is not None:
            sock = self._with_tls(sock, self.tls, deadline)
        sock.settimeout(timeout)
        return sock

    def _with_tls(
        self, sock: socket.socket, context: ssl.SSLContext, deadline: Deadline
    ) -> socket.socket:
        secured = context.wrap_socket(
            sock, server_hostname=self.address.host, do_handshake_on_connect=False
        )
        close_in_children(secured)
        try:
            secured.settimeout(max(deadline.left, 0.001))
            secured.do_handshake()
        except BaseException:
            secured.close()
            raise
        return secured

    def _connect_plain(self, deadline: Deadline) -> socket.socket:
        address = self.address
        if address.unix_path:
            return _connected(socket.AF_UNIX, address.unix_path, deadline.left)
        places = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        for left, (family, _, _, _, place) in zip(range(len(places), 0, -1), places, strict=True):
            try:
                # Each of the host's addresses gets its share of the time.
                sock = _connected(family, place, max(deadline.left, 0.001) / left)
            except OSError:
                if left == 1:
                    raise
            else:
                _set_tcp_options(sock)
                return sock
        raise OSError(f"{address.host} has no address")


def _connected(family: int, place: object, timeout: float) -> socket.socket:
    sock = socket.socket(family)
    close_in_children(sock)
    try:
        sock.settimeout(timeout)
        sock.connect(place)  # type: ignore[arg-type]  # as its family wants it
    except BaseException:
        sock.close()
        raise
    return sock


def _set_tcp_options(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _limit(name: str, value: object) -> float:
    if not isinstance(value, (int, float)) or value is True or not 0 < value < math.inf:
        raise InvalidOption(f"{name} must be a number of seconds above 0, not {value!r}")
    return float(value)
