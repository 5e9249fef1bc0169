"""Whether the server of this environment lives: for health checks that run beside it."""

from __future__ import annotations

import ssl
from typing import Any

from zoldyq.client import Client, ConnectionFailed
from zoldyq.config import Settings

_SECONDS = 2.0
_REQUEST = b"GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
#: Where a server that listens everywhere is reached.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def ask_own(settings: Settings) -> str:
    """Ask the server that is started with these settings whether it lives; return its answer.

    It is asked where it listens, and over TLS if it has a certificate, which any authority may
    have signed. A server that asks for a certificate, and does not accept its own, lives: it has
    answered.

    Raises:
        ConnectionFailed: it does not answer, or says something else.
    """
    with Client(**_options(settings)) as client:
        try:
            answer = _ask(client)
        except ssl.SSLError as error:
            if settings.tls_client_ca is None or "ALERT" not in (error.reason or ""):
                raise ConnectionFailed(f"{client.url}: {error}") from error
            return "alive; it asks for a client certificate"
        except OSError as error:
            raise ConnectionFailed(f"{client.url}: {error.strerror or error}") from error
        if not answer.startswith(b"HTTP/1.1 200 "):
            line = answer.partition(b"\r\n")[0].decode("ascii", "replace")
            raise ConnectionFailed(f"{client.url} answers {line!r} in the place of 200")
    return "alive"


def _ask(client: Client) -> bytes:
    with client.connect(_SECONDS) as sock:
        sock.sendall(_REQUEST)
        answer = b""
        while received := sock.recv(1 << 12):
            answer += received
        return answer


def _options(settings: Settings) -> dict[str, Any]:
    if settings.unix_socket is not None:
        return {"url": f"unix://{settings.unix_socket}"}
    host = _LOOPBACK.get(settings.host, settings.host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    if settings.tls_cert is None:
        return {"url": f"http://{host}:{settings.port}"}
    options: dict[str, Any] = {"url": f"https://{host}:{settings.port}", "verify": False}
    if settings.tls_client_ca is not None:
        options |= {"cert_file": settings.tls_cert, "key_file": settings.tls_key}
    return options
