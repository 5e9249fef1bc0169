"""What a request is sent to, target and host: by the grammar of the standards, or refused.

RFC 9112, section 3.2, and RFC 3986, section 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv6Address
from typing import Any

from zoldyq.contract.errors import MalformedRequest

#: What a request without a Host is told, or one with several.
ONE_HOST = "a request has exactly one Host header"

# All of ASCII that is visible, but for "#": more than the grammar allows (as "|"), but it means
# nothing else to anyone.
_TARGET = re.compile(r"[\x21\x22\x24-\x7e]+").fullmatch
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?]+)(/[^?]*)?(\?.*)?").fullmatch
# uri-host and port. A comma is allowed there, but only two hosts in one have it.
_AUTHORITY = re.compile(
    rb"(?:\[([0-9A-Fa-f:.]+)\]|(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})*)(?::([0-9]{0,5}))?"
).fullmatch


def check_authority(text: bytes) -> None:
    """Accept a host and perhaps a port. Raises MalformedRequest."""
    found = _AUTHORITY(text)
    if found is not None:
        address, port = found.groups()
        if (not port or int(port) <= 65535) and (address is None or _is_ipv6(address.decode())):
            return
    raise MalformedRequest("the host of the request is malformed")


def split_target(method: bytes, target: bytes) -> tuple[bytes, bytes, bytes]:
    """Return path, query and authority of a target. Raises MalformedRequest."""
    if target.startswith(b"/"):
        path, _, query = target.partition(b"?")
        return path, query, b""
    if target == b"*":
        if method != b"OPTIONS":
            raise MalformedRequest("only OPTIONS may ask for *")
        return target, b"", b""
    found = _ABSOLUTE(target)
    if found is None:
        raise MalformedRequest("the target of the request is neither a path nor an http URL")
    authority, path, query = found.groups()
    check_authority(authority)
    if authority.startswith(b":"):
        raise MalformedRequest("the target of the request has no host")
    return path or b"/", (query or b"?")[1:], authority


def check_target_and_host(environ: Mapping[str, Any]) -> None:
    """Accept what a WSGI request was sent to, which its server may have read by other rules.

    gunicorn and waitress tell the target as it came. Several Hosts are joined with a comma.

    Raises:
        MalformedRequest: the target or the Host is none, or there is no Host in HTTP/1.1.
    """
    target: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or "/"
    if _TARGET(target) is None:
        raise MalformedRequest("the target of the request has characters that no URL has")
    split_target(environ["REQUEST_METHOD"].encode("latin-1"), target.encode())
    host: str | None = environ.get("HTTP_HOST")
    if host is not None:
        check_authority(host.strip(" \t").encode("latin-1"))
    elif environ.get("SERVER_PROTOCOL") == "HTTP/1.1":
        raise MalformedRequest(ONE_HOST)


def _is_ipv6(address: str) -> bool:
    try:
        IPv6Address(address)
    except ValueError:
        return False
    return True
