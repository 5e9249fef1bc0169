"""Names that settings take: hosts, files, tokens, origins of web pages."""

from __future__ import annotations

import ipaddress
import os
import re
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from zoldyq.config.kinds import Kind

#: ``sun_path`` of a Unix domain socket holds 108 bytes, the last of them a zero.
_SOCKET_PATH_BYTES = 107


class Host(Kind[str]):
    """A host name, an IPv4 or an IPv6 address."""

    metavar = "HOST"
    allowed = "a host name or an IP address, without a scheme, a port or brackets"

    _NAME: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")

    def parse(self, value: object) -> str:
        if not isinstance(value, str):
            self.refuse(value)
        if not self._NAME.fullmatch(value) and not _is_ipv6(value):
            self.refuse(value)
        return value


class SocketPath(Kind[str | None]):
    """The path of a Unix domain socket, or None."""

    metavar = "PATH"
    allowed = f"a path of 1 to {_SOCKET_PATH_BYTES} bytes"

    def parse(self, value: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str) or "\0" in value:
            self.refuse(value)
        length = len(os.fsencode(value))
        if not 1 <= length <= _SOCKET_PATH_BYTES:
            self.refuse(value, f"has {length} bytes")
        return value

    def show(self, value: str | None) -> str:
        return value or ""


class BackendUrl(Kind[str]):
    """``memory``, or the URL of the server that keeps the queues. It may hold a password."""

    metavar = "URL"
    allowed = "memory, or a URL such as redis://127.0.0.1:6379/0 or unix:///run/redis.sock"
    secret = True

    _SCHEME: ClassVar[re.Pattern[str]] = re.compile(
        r"(?:(?:redis|valkey)s?(?:\+cluster|\+sentinel)?|unix)://[!-~]+"
    )

    def parse(self, value: object) -> str:
        if value == "memory":
            return "memory"
        if not isinstance(value, str) or not self._SCHEME.fullmatch(value):
            self.refuse(value)
        return value


class KeyPrefix(Kind[str]):
    """What keys in Redis begin with; braces would change where they lie in a Cluster."""

    metavar = "NAME"
    allowed = "1 to 64 letters, digits, dots, colons, dashes and underscores"

    _NAME: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9._:-]{1,64}")

    def parse(self, value: object) -> str:
        if not isinstance(value, str) or not self._NAME.fullmatch(value):
            self.refuse(value)
        return value


class FilePath(Kind[str | None]):
    """The path of a file, or None."""

    metavar = "FILE"
    allowed = "a path of a file"

    def parse(self, value: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, (str, os.PathLike)) or not (path := os.fspath(value)):
            self.refuse(value)
        if not isinstance(path, str) or "\0" in path:
            self.refuse(value)
        return path

    def show(self, value: str | None) -> str:
        return value or ""


class ServerName(Kind[str | None]):
    """The name in a certificate, or None."""

    metavar = "NAME"
    allowed = Host.allowed

    def parse(self, value: object) -> str | None:
        if value is None:
            return None
        return Host().parse(value)

    def show(self, value: str | None) -> str:
        return value or ""


class _Several(Kind[tuple[str, ...]]):
    """Several texts: a list, or one text separated by commas."""

    repeatable = True

    def parse(self, value: object) -> tuple[str, ...]:
        if isinstance(value, str):
            value = [item.strip() for item in value.split(",")]
        if not isinstance(value, Sequence):
            self.refuse(value)
        return tuple(self._item(item) for item in value)

    def show(self, value: tuple[str, ...]) -> str:
        return ",".join(value)

    @abstractmethod
    def _item(self, item: object) -> str:
        """Read one of the texts; raises ValueError as :meth:`parse` does."""


class Tokens(_Several):
    """Bearer tokens. No text about them ever shows one."""

    metavar = "TOKEN"
    allowed = "tokens of printable ASCII characters without spaces and commas"
    secret = True

    _TOKEN: ClassVar[re.Pattern[str]] = re.compile(r"[!-+\--~]+")

    def _item(self, item: object) -> str:
        if item == "":
            self.refuse(item, "is empty")
        if not isinstance(item, str) or not self._TOKEN.fullmatch(item):
            self.refuse(item)
        return item


class Hosts(_Several):
    """Host names as browsers write them, in lower case; ``*.`` before one means all below it."""

    metavar = "NAME"
    allowed = "host names such as queues.example.com or *.example.com, without a scheme or a port"

    _NAME: ClassVar[re.Pattern[str]] = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_-])?")

    def _item(self, item: object) -> str:
        if item == "*":
            self.refuse(item, "would let any web page whose name is pointed here use the queues")
        if not isinstance(item, str) or not self._NAME.fullmatch(item.lower()):
            self.refuse(item)
        return item.lower()


class Origins(_Several):
    """Origins of web pages, written as browsers send them: lower case, no default port."""

    metavar = "ORIGIN"
    allowed = "origins such as https://app.example.com or http://localhost:3000, without a path"

    _ORIGIN: ClassVar[re.Pattern[str]] = re.compile(
        r"([a-z][a-z0-9+.-]*)://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?"
    )
    _DEFAULT_PORTS: ClassVar[dict[str, int]] = {"http": 80, "https": 443}

    def _item(self, item: object) -> str:
        if item == "*":
            self.refuse(item, "would let every web page read and drain the queues")
        if item == "null":
            self.refuse(item, "is what any sandboxed page and local file sends")
        origin = self._ORIGIN.fullmatch(item.lower()) if isinstance(item, str) else None
        if origin is None or not 1 <= int(origin[3] or 1) <= 65_535:
            self.refuse(item)
        scheme, host, port = origin.groups()
        if port is None or int(port) == self._DEFAULT_PORTS.get(scheme):
            return f"{scheme}://{host}"
        return f"{scheme}://{host}:{int(port)}"


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
