"""The WebSocket handshake, checked before anything is answered.

simple-websocket raises an exception at a handshake that is wrong, and the client gets no reply that
helps. So a request is checked here first, and simple-websocket gets one that can only succeed.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from zoldyq.contract.errors import MalformedRequest, UpgradeRequired
from zoldyq.server.api.access import HeaderOf
from zoldyq.wire import members_of

_VERSION = "13"
_KEY_BYTES = 16


def header_of(environ: Mapping[str, Any]) -> HeaderOf:
    """Return a look-up of a WSGI request's headers by their lower-case names."""

    def header(name: str) -> str | None:
        value: str | None = environ.get("HTTP_" + name.upper().replace("-", "_"))
        return value

    return header


def check_handshake(environ: Mapping[str, Any]) -> None:
    """Accept a request to become a WebSocket, or say what is wrong with it.

    Raises:
        MalformedRequest: it is no handshake of RFC 6455, section 4.2.1.
        UpgradeRequired: it asks for another version of the protocol.
    """
    header = header_of(environ)
    if environ.get("REQUEST_METHOD") != "GET" or environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        raise MalformedRequest("a WebSocket handshake is a GET of HTTP/1.1")
    if not _names(header("upgrade"), "websocket") or not _names(header("connection"), "upgrade"):
        raise MalformedRequest(
            "a WebSocket handshake has the headers Upgrade: websocket and Connection: Upgrade"
        )
    version = header("sec-websocket-version")
    if version is None or not _is_key(header("sec-websocket-key")):
        raise MalformedRequest(
            "a WebSocket handshake has a Sec-WebSocket-Version and, in base64, "
            f"a Sec-WebSocket-Key of {_KEY_BYTES} bytes"
        )
    if version.strip() != _VERSION:
        raise UpgradeRequired(f"this server speaks version {_VERSION} of the WebSocket protocol")


def accepted_environ(
    environ: Mapping[str, Any], sock: object, subprotocol: str | None
) -> dict[str, Any]:
    """Return the environment that simple-websocket gets for a handshake that was accepted.

    It has no extensions: simple-websocket would agree to permessage-deflate, which costs 64 KiB a
    connection and lets a few bytes become many. ``sock`` is the socket that it uses.
    """
    shown = {
        "werkzeug.socket": sock,
        "HTTP_HOST": "zoldyq",
        "HTTP_UPGRADE": "websocket",
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_SEC_WEBSOCKET_VERSION": _VERSION,
        "HTTP_SEC_WEBSOCKET_KEY": environ["HTTP_SEC_WEBSOCKET_KEY"].strip(),
    }
    if subprotocol is not None:
        shown["HTTP_SEC_WEBSOCKET_PROTOCOL"] = subprotocol
    return shown


def _names(value: str | None, token: str) -> bool:
    """Tell whether a header that is a list of tokens names this one, in any case."""
    return token in members_of((value or "").lower())


def _is_key(value: str | None) -> bool:
    try:
        return len(base64.b64decode((value or "").strip(), validate=True)) == _KEY_BYTES
    except (binascii.Error, ValueError):
        return False
