"""One connection to one Redis or Valkey server, on an event loop: RESP3, pipelined, not blocking.

Commands go out in the order in which they were given, and each gets its reply by a callback. When
the connection breaks, every command without a reply is told so with :class:`LinkLost`; whether it
ran is then unknown. A link does not connect again: its owner makes another.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import hiredis

from zoldyq.engine.address import Address, Node, name_of
from zoldyq.engine.loop import READ, WRITE, EventLoop
from zoldyq.engine.security import Security

_READ_BYTES = 1 << 18
_NEVER = float("inf")
_SUBSCRIBED = (b"subscribe", b"psubscribe", b"ssubscribe")

Word = str | bytes | int | float | memoryview
#: Called with the reply, a ``hiredis.ReplyError`` that the server answered, or a LinkLost.
OnReply = Callable[[Any], None]


class LinkLost(Exception):
    """The connection broke or did not answer in time; the text says why."""


class Link:
    """A connection that sets itself up. Used by the loop's thread alone.

    ``on_ready`` is called once the server has accepted HELLO and the scripts in ``prepare``;
    ``on_lost`` once, with the reason, when the connection ends. ``on_push`` gets the messages of
    subscriptions. ``timeout`` is in seconds: for connecting, and for every reply. With
    ``primary_only`` a server that says that it is a replica is not used.
    """

    def __init__(
        self,
        loop: EventLoop,
        node: Node,
        address: Address,
        *,
        timeout: float,
        prepare: Sequence[Sequence[Word]],
        on_ready: Callable[[Link], None],
        on_lost: Callable[[Link, Exception], None],
        on_push: Callable[[Sequence[Any]], None],
        tls: Security | None = None,
        primary_only: bool = False,
    ) -> None:
        self.node = node
        self.ready = False
        self.closed = False
        self.deadline = self.scheduled = _NEVER
        self._loop = loop
        self._address = address
        self._timeout = timeout
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._on_push = on_push
        self._prepare = prepare
        self._reader = hiredis.Reader(notEnoughData=_MORE)
        self._unsent = bytearray()
        # One entry a command without a reply: its callback, and when it was given.
        self._pending: deque[tuple[OnReply, float]] = deque()
        self._connecting = True
        self._moved_at = loop.now  # when bytes last went in or out
        self._tls = tls if address.secure else None
        self._socket: socket.socket | None = None  # None while a name is looked up
        self._interest = WRITE
        self._primary_only = primary_only
        self._subscribing = 0  # how many of _pending a push answers
        self.deadline = loop.now + timeout
        if _is_address(node):
            self._connect(node)
        else:
            # Looking up a name may take seconds, and the loop has others to serve.
            threading.Thread(target=self._look_up, name="zoldyq-lookup", daemon=True).start()
        loop.schedule(self)

    # -- for its owner -----------------------------------------------------------------------

    def send(self, words: Sequence[Word], on_reply: OnReply) -> None:
        """Give a command; it goes out with the next :meth:`flush`."""
        if self.closed:
            on_reply(LinkLost(f"the connection to {name_of(self.node)} is closed"))
            return
        self._unsent += hiredis.pack_command(tuple(words))  # type: ignore[arg-type]
        if not self._pending:
            self._set_deadline(self._loop.now + self._timeout)
        self._pending.append((on_reply, self._loop.now))

    def subscribe(self, command: str, channel: str, on_refused: OnReply) -> None:
        """Subscribe with SUBSCRIBE or one alike; ``on_refused`` gets an error, if there is one.

        In RESP3 the answer is a push, unless it is an error.
        """
        answer = _Subscription(on_refused)
        self._subscribing += 1
        self.send([command, channel], answer)

    def flush(self) -> None:
        """Send what is waiting, as much as the kernel takes."""
        if self._unsent and not self._connecting and not self.closed:
            self._write()

    def close(self) -> None:
        """End the connection; everything that has no reply learns it."""
        self._end(LinkLost(f"the connection to {name_of(self.node)} was closed"))

    def give_up(self, reason: LinkLost) -> None:
        """End the connection for a reason that its owner is told."""
        self._end(reason)

    @property
    def unanswered_since(self) -> float | None:
        """When the oldest command without a reply was given, monotonic seconds; None for none."""
        return self._pending[0][1] if self._pending else None

    @property
    def busy(self) -> bool:
        """Whether a command has no reply yet."""
        return bool(self._pending)

    # -- for the loop ------------------------------------------------------------------------

    def on_event(self, flags: int) -> None:
        """React to what the poller saw."""
        if self._connecting:
            self._connected()
            return
        if flags & WRITE:
            self._write()
        if not self.closed and flags & ~WRITE:
            self._read()

    def on_deadline(self) -> None:
        """Give the connection up if the oldest command has waited too long."""
        if self._connecting or not self.ready:
            self._end(LinkLost(f"{name_of(self.node)} did not answer within {self._timeout:g} s"))
        elif self._pending:
            due = self._due()
            if due <= self._loop.now:
                self._end(
                    LinkLost(f"{name_of(self.node)} did not answer within {self._timeout:g} s")
                )
            else:
                self._set_deadline(due)

    # -- helpers -----------------------------------------------------------------------------

    def _look_up(self) -> None:
        """Find the address of the server's name; runs on a thread of its own."""
        host, port = self.node
        outcome: Node | OSError
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            outcome = (str(found[0][4][0]), port)
        except OSError as error:
            outcome = error
        self._loop.post(partial(self._looked_up, outcome))

    def _looked_up(self, outcome: Node | OSError) -> None:
        if self.closed:
            return
        try:
            if isinstance(outcome, OSError):
                raise _unreachable(self.node, outcome)
            self._connect(outcome)
        except LinkLost as lost:
            self._end(lost)

    def _connect(self, target: Node) -> None:
        self._socket = _open(target)
        self._loop.add_last(self._socket.fileno(), self, WRITE)

    def _connected(self) -> None:
        """Take the connection into use, once the kernel or the TLS library says that it stands."""
        assert self._socket is not None, "it is the socket that has become writable"
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._end(LinkLost(f"cannot reach {name_of(self.node)} ({os.strerror(error)})"))
            return
        if self._tls is not None and not isinstance(self._socket, ssl.SSLSocket):
            self._loop.remove(self._socket.fileno())
            self._socket = self._tls.context.wrap_socket(
                self._socket,
                server_hostname=self._tls.name_for(self.node[0]),
                do_handshake_on_connect=False,
            )
            self._loop.add_last(self._socket.fileno(), self, WRITE)
        if isinstance(self._socket, ssl.SSLSocket):
            try:
                self._socket.do_handshake()
            except ssl.SSLWantReadError:
                self._watch(READ)
                return
            except ssl.SSLWantWriteError:
                self._watch(WRITE)
                return
            except (OSError, ssl.SSLError) as failure:
                self._end(LinkLost(f"no TLS with {name_of(self.node)} ({failure})"))
                return
        self._connecting = False
        self._greet()
        self._watch(READ)
        self._write()

    def _greet(self) -> None:
        """Put the set-up in front of what was given meanwhile."""
        waiting, self._unsent = self._unsent, bytearray()
        later, self._pending = self._pending, deque()
        commands: list[Sequence[Word]] = [hello(self._address)]
        if self._address.database:
            commands.append(["SELECT", self._address.database])
        commands += self._prepare
        self.send(commands[0], self._greeted)
        for words in commands[1:]:
            self.send(words, self._set_up)
        self.send(["PING"], self._last_set_up)
        self._unsent += waiting
        self._pending += later

    def _greeted(self, reply: Any) -> None:
        """Look at what the server says of itself."""
        self._set_up(reply)
        if self._primary_only and isinstance(reply, dict) and reply.get(b"role") == b"replica":
            self._end(LinkLost(f"{name_of(self.node)} is a replica"))

    def _set_up(self, reply: Any) -> None:
        if isinstance(reply, hiredis.ReplyError):
            self._end(LinkLost(f"{name_of(self.node)} says {reply}"))

    def _last_set_up(self, reply: Any) -> None:
        if isinstance(reply, Exception):
            self._set_up(reply)
            return
        self.ready = True
        self._on_ready(self)

    def _write(self) -> None:
        assert self._socket is not None, "it is connected"
        try:
            sent = self._socket.send(self._unsent) if self._unsent else 0
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            sent = 0
        except OSError as error:
            self._end(LinkLost(f"the connection to {name_of(self.node)} broke ({error.strerror})"))
            return
        del self._unsent[:sent]
        if sent:
            self._moved_at = self._loop.now
        self._watch(READ | WRITE if self._unsent else READ)

    def _read(self) -> None:
        assert self._socket is not None, "it is connected"
        try:
            data = self._socket.recv(_READ_BYTES)
            while isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                data += self._socket.recv(_READ_BYTES)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            self._end(LinkLost(f"the connection to {name_of(self.node)} broke ({error.strerror})"))
            return
        if not data:
            self._end(LinkLost(f"{name_of(self.node)} closed the connection"))
            return
        self._moved_at = self._loop.now
        self._reader.feed(data)
        self._take_replies()

    def _take_replies(self) -> None:
        while not self.closed:
            try:
                reply = self._reader.gets()
            except hiredis.ProtocolError as error:
                self._end(LinkLost(f"{name_of(self.node)} does not speak RESP3 ({error})"))
                return
            if reply is _MORE:
                break
            if isinstance(reply, hiredis.PushNotification):
                if self._subscribing and self._is_answer(reply):
                    self._pending.popleft()
                else:
                    self._on_push(reply)
                continue
            if not self._pending:
                self._end(LinkLost(f"{name_of(self.node)} answered what was not asked"))
                return
            on_reply, _ = self._pending.popleft()
            if isinstance(on_reply, _Subscription):
                self._subscribing -= 1
            on_reply(reply)
        if not self.closed:
            self._set_deadline(self._due() if self._pending else _NEVER)
            self.flush()

    def _is_answer(self, push: Sequence[Any]) -> bool:
        """Whether a push answers the oldest command, and was not sent unasked."""
        if push[0] not in _SUBSCRIBED or not self._pending:
            return False
        oldest = self._pending[0][0]
        if isinstance(oldest, _Subscription):
            self._subscribing -= 1
            return True
        return False

    def _due(self) -> float:
        """Return until when something has to happen: large replies come in many pieces."""
        return max(self._pending[0][1], self._moved_at) + self._timeout

    def _set_deadline(self, at: float) -> None:
        self.deadline = at
        if at < self.scheduled:
            self._loop.schedule(self)

    def _watch(self, interest: int) -> None:
        if interest != self._interest and self._socket is not None and not self.closed:
            self._interest = interest
            self._loop.watch(self._socket.fileno(), interest)

    def _end(self, reason: Exception) -> None:
        if self.closed:
            return
        self.closed = True
        self.ready = False
        self._loop.forget(self)
        if self._socket is not None:
            self._loop.remove(self._socket.fileno())
            self._socket.close()
        pending, self._pending = self._pending, deque()
        lost = reason if isinstance(reason, LinkLost) else LinkLost(str(reason))
        for on_reply, _ in pending:
            if on_reply not in (self._greeted, self._set_up, self._last_set_up):
                on_reply(lost)
        self._on_lost(self, reason)


def hello(address: Address) -> list[Word]:
    """Return the first command of a connection: RESP3, and who we are."""
    words: list[Word] = ["HELLO", 3]
    if address.password:
        words += ["AUTH", address.username or "default", address.password]
    return words


class _Subscription:
    """Stands for a SUBSCRIBE among the commands without a reply. Called with an error, if any."""

    def __init__(self, on_refused: OnReply) -> None:
        self._on_refused = on_refused

    def __call__(self, reply: Any) -> None:
        if isinstance(reply, Exception):
            self._on_refused(reply)


class _More:
    """What the reader returns while a reply is incomplete."""


_MORE = _More()


def _is_address(node: Node) -> bool:
    """Whether nothing has to be looked up: a path, or an IP address."""
    host, port = node
    if not port:
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _unreachable(node: Node, error: OSError) -> LinkLost:
    return LinkLost(f"cannot reach {name_of(node)} ({error.strerror or error})")


def _open(node: Node) -> socket.socket:
    """Begin to connect to an address; the outcome is seen later. Raises LinkLost."""
    host, port = node
    family = socket.AF_UNIX if not port else socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    if port:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.connect((host, port) if port else host)
    except (BlockingIOError, InterruptedError):
        pass
    except OSError as error:
        sock.close()
        raise _unreachable(node, error) from error
    return sock
