"""What is asked of a Redis server before a front end uses it, over a connection that blocks.

What cannot be cured by waiting is an InvalidSetting: a password, a version, an eviction policy that
deletes queues, a proxy that passes no rings on.
"""

from __future__ import annotations

import logging
import secrets
import socket
import ssl
import time
from collections.abc import Sequence
from typing import Any

import hiredis

from zoldyq.contract.errors import BackendUnavailable, InvalidSetting
from zoldyq.engine import scripts
from zoldyq.engine.address import Address, name_of
from zoldyq.engine.link import Word

_log = logging.getLogger("zoldyq.engine")

#: The layout of the keys. A front end refuses queues of another one.
LAYOUT = b"1"
_OLDEST_REDIS = (7, 0)
_OLDEST_VALKEY = (7, 2)
#: How often it is said that the server is awaited, and how often it is tried, in seconds.
_SAY_SECONDS = 5.0
_TRY_SECONDS = 0.25
#: Errors of a server that will work a moment later.
_SOON = ("LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY", "OOM")


#: What the reader returns while a reply is incomplete.
_MORE = object()


class _NotYet(Exception):
    """The server cannot be used now; the text says why."""


def await_server(
    address: Address,
    prefix: str,
    *,
    tls: ssl.SSLContext | None,
    timeout: float,
    start_seconds: float,
) -> None:
    """Return as soon as the server can be used, within ``start_seconds``.

    Raises:
        InvalidSetting: it never can, as it is.
        BackendUnavailable: it could not be reached in time.
    """
    begin = said = time.monotonic()
    while True:
        try:
            _check(address, prefix, tls, timeout)
            return
        except (_NotYet, OSError) as error:
            reason = f"{name_of(address.nodes[0])}: {error}"
        now = time.monotonic()
        if now - begin > start_seconds:
            raise BackendUnavailable(
                f"the backend could not be used within {start_seconds:g} s ({reason})"
            )
        if now - said > _SAY_SECONDS:
            said = now
            _log.warning("the backend cannot be used yet (%s); trying again", reason)
        time.sleep(_TRY_SECONDS)


def _check(address: Address, prefix: str, tls: ssl.SSLContext | None, timeout: float) -> None:
    with _Connection(address, tls, timeout) as redis:
        redis.greet()
        _check_version(redis)
        _check_eviction(redis)
        _check_layout(redis, prefix)
        _check_rings(redis, prefix)


def _check_version(redis: _Connection) -> None:
    info = redis.info("server")
    if "valkey_version" in info:
        kind, version, oldest = "Valkey", info["valkey_version"], _OLDEST_VALKEY
    else:
        kind, version, oldest = "Redis", info.get("redis_version", "0.0"), _OLDEST_REDIS
    if tuple(int(part) for part in version.split(".")[:2]) < oldest:
        raise InvalidSetting(
            f"backend: this is {kind} {version}; use Redis 7.0, Valkey 7.2 or later"
        )


def _check_eviction(redis: _Connection) -> None:
    policy = redis.info("memory").get("maxmemory_policy", "noeviction")
    if policy.startswith("allkeys"):
        raise InvalidSetting(
            f"backend: the server deletes queues when its memory is full (maxmemory-policy "
            f"{policy}); set maxmemory-policy to noeviction"
        )


def _check_layout(redis: _Connection, prefix: str) -> None:
    key = f"{prefix}:layout"
    redis.ask("SET", key, LAYOUT, "NX")
    found = redis.ask("GET", key)
    if found != LAYOUT:
        raise InvalidSetting(
            f"backend: the queues under the prefix {prefix} were made by another version of ZoldyQ "
            f"(layout {_text(found)}, this one has {_text(LAYOUT)}); give another redis_prefix"
        )


def _check_rings(redis: _Connection, prefix: str) -> None:
    """See whether a script's ring reaches this connection, which some proxies prevent."""
    tag = secrets.token_hex(8)
    channel = f"{prefix}:{{{tag}}}:c:{tag}"
    redis.tell("SSUBSCRIBE", channel)
    heard = redis.ask("EVAL", scripts.SELF_TEST.text, 1, f"{prefix}:{{{tag}}}:h", channel)
    if heard != 1:
        raise InvalidSetting(
            "backend: a message that a script publishes does not reach its front end; connect to "
            "the server itself, without a proxy"
        )


def _text(value: Any) -> str:
    return bytes(value).decode() if value is not None else "none"


class _Connection:
    """Sends commands and waits for each reply."""

    def __init__(self, address: Address, tls: ssl.SSLContext | None, timeout: float) -> None:
        self._address = address
        self._reader = hiredis.Reader(notEnoughData=_MORE)
        host, port = address.nodes[0]
        if port:
            self._socket = socket.create_connection((host, port), timeout)
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(timeout)
            self._socket.connect(host)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname=host)

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def greet(self) -> None:
        """Introduce ourselves, and choose the database."""
        address = self._address
        hello: list[Word] = ["HELLO", 3]
        if address.password:
            hello += ["AUTH", address.username or "default", address.password]
        self.ask(*hello)
        if address.database:
            self.ask("SELECT", address.database)

    def tell(self, *words: Word) -> None:
        """Send a command that is answered by a push alone."""
        self._socket.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]

    def ask(self, *words: Word) -> Any:
        """Return the reply to a command.

        Raises:
            InvalidSetting: the server refuses it, and will next time.
            _NotYet: the server will take it a moment later. OSError: the connection broke.
        """
        self.tell(*words)
        reply = self._next()
        while isinstance(reply, hiredis.PushNotification):
            reply = self._next()
        if isinstance(reply, hiredis.ReplyError):
            if str(reply).startswith(_SOON):
                raise _NotYet(str(reply))
            raise InvalidSetting(f"backend: the server refuses {words[0]!s} ({reply!s})")
        return reply

    def _next(self) -> Any:
        while (reply := self._reader.gets()) is _MORE:
            data = self._socket.recv(1 << 16)
            if not data:
                raise _NotYet("the server closed the connection")
            self._reader.feed(data)
        return reply

    def info(self, section: str) -> dict[str, str]:
        """Return a section of INFO."""
        text = self.ask("INFO", section)
        lines: Sequence[str] = bytes(text).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)
