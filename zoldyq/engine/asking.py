"""A connection that blocks, for the questions that are asked before a front end works."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from typing import Any

import hiredis

from zoldyq.contract.errors import InvalidSetting
from zoldyq.engine.address import Address, Node, name_of
from zoldyq.engine.link import Word, hello
from zoldyq.engine.security import Security

#: Errors of a server that will work a moment later.
_SOON = (
    *("LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY", "OOM", "NOREPLICAS"),
    *("MOVED", "ERR max number of clients"),
)
#: What the reader returns while a reply is incomplete.
_MORE = object()


class NotYet(Exception):
    """The server cannot be used now; the text says which one and why."""


class Asking:
    """Sends commands to ``node`` and waits for each reply, for ``timeout`` seconds at the most.

    ``mode`` is ``standalone``, ``cluster`` or ``sentinel``, ``role`` is ``master`` or ``replica``.

    Raises:
        InvalidSetting: the server refuses us, and will next time.
        NotYet: it cannot be reached.
    """

    def __init__(self, node: Node, address: Address, tls: Security | None, timeout: float) -> None:
        self.name = name_of(node)
        self._secure = tls is not None
        self._reader = hiredis.Reader(notEnoughData=_MORE)
        try:
            self._socket = _open(node, timeout)
        except OSError as error:  # a TimeoutError is one
            raise NotYet(f"cannot reach {self.name} ({_reason(error)})") from error
        if tls is not None:
            self._shake_hands(tls, node[0])
        try:
            self._greet(address)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _shake_hands(self, tls: Security, host: str) -> None:
        try:
            self._socket = tls.context.wrap_socket(self._socket, server_hostname=tls.name_for(host))
        except OSError as error:
            self._socket.close()
            if isinstance(error, ssl.SSLError):
                raise self._no_tls(error) from error
            raise NotYet(
                f"no TLS with {self.name} ({_reason(error)}); if it speaks none, write redis://"
            ) from error

    def _greet(self, address: Address) -> None:
        """Introduce ourselves, and choose the database."""
        said = self.ask(*hello(address))
        fields = said if isinstance(said, dict) else {}
        self.mode = _text(fields.get(b"mode", b"standalone"))
        self.role = _text(fields.get(b"role", b"master"))
        if address.database:
            self.ask("SELECT", address.database)

    def tell(self, *words: Word) -> None:
        """Send a command that is answered by a push alone."""
        try:
            self._socket.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]
        except OSError as error:
            raise self._broken(error) from error

    def ask(self, *words: Word) -> Any:
        """Return the reply to a command.

        Raises:
            InvalidSetting: the server refuses it, and will next time.
            NotYet: the server will take it a moment later, or the connection broke.
        """
        self.tell(*words)
        reply = self._next()
        while isinstance(reply, hiredis.PushNotification):
            reply = self._next()
        if isinstance(reply, hiredis.ReplyError):
            text = str(reply)
            if text.startswith(_SOON):
                raise NotYet(f"{self.name} says {text}")
            raise InvalidSetting(f"backend: {self.name} {_refusal(str(words[0]), text)}")
        return reply

    def info(self, section: str) -> dict[str, str]:
        """Return a section of INFO."""
        text = self.ask("INFO", section)
        lines: Sequence[str] = bytes(text).decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def _next(self) -> Any:
        try:
            while (reply := self._reader.gets()) is _MORE:
                data = self._socket.recv(1 << 16)
                if not data:
                    raise self._closed()
                self._reader.feed(data)
        except OSError as error:
            raise self._broken(error) from error
        except hiredis.ProtocolError:
            raise InvalidSetting(
                f"backend: {self.name} is no Redis or Valkey server: it answers in another protocol"
            ) from None
        return reply

    def _broken(self, error: OSError) -> NotYet | InvalidSetting:
        if isinstance(error, (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError)):
            return self._closed()
        if isinstance(error, ssl.SSLError):
            return self._no_tls(error)
        return NotYet(f"{self.name} does not answer ({_reason(error)})")

    def _closed(self) -> NotYet:
        hint = (
            "it may want a certificate that it trusts: set redis_tls_cert"
            if self._secure
            else "if it speaks TLS, write rediss://"
        )
        return NotYet(f"{self.name} closed the connection; {hint}")

    def _no_tls(self, error: ssl.SSLError) -> NotYet | InvalidSetting:
        """Return why there is no TLS; most of it does not pass."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return InvalidSetting(
                f"backend: the certificate of {self.name} is not trusted ({error.verify_message}); "
                "redis_tls_ca names the authority that signed it, redis_tls_name what it is for"
            )
        reason = error.reason or ""
        if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason or "HANDSHAKE_FAILURE" in reason:
            return InvalidSetting(
                f"backend: {self.name} wants a certificate that it trusts ({reason}): set "
                "redis_tls_cert"
            )
        if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
            return InvalidSetting(
                f"backend: {self.name} does not speak TLS: give its port for TLS, or write redis://"
            )
        return NotYet(f"no TLS with {self.name} ({error.reason or error})")


def _refusal(command: str, text: str) -> str:
    """Return what is wrong with a server that answers a command so."""
    kind = text.partition(" ")[0]
    if kind in ("WRONGPASS", "NOAUTH") or "without any password configured" in text:
        return f"refuses the user or the password: {text}"
    if kind == "NOPERM":
        return f"does not allow {command} to this user: {text}"
    if command == "HELLO" and "unknown command" in text:
        return "is too old, or hides HELLO; use Redis 7.0, Valkey 7.2 or later"
    return f"refuses {command}: {text}"


def _open(node: Node, timeout: float) -> socket.socket:
    host, port = node
    if port:
        return socket.create_connection((host, port), timeout)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(timeout)
    try:
        sock.connect(host)
    except OSError:
        sock.close()
        raise
    return sock


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error.strerror or error)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
