"""All WebSocket sessions of a server: who gets one, how many there are, and how they end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from zoldyq import wire
from zoldyq.contract.errors import (
    NotFound,
    ShuttingDown,
    TooManyWebSockets,
    WebSocketUnavailable,
    ZoldyQError,
)
from zoldyq.pacing import Turnstile, slices
from zoldyq.server.api.access import AccessPolicy, Pass
from zoldyq.server.api.clients import Client, Kind, address_text, peer_of
from zoldyq.server.api.operations import Operations
from zoldyq.server.api.router import ROUTER, TARGET_KEY, Target
from zoldyq.server.api.targets import check_target_and_host
from zoldyq.server.websocket.channel import Channel
from zoldyq.server.websocket.connection import LINGER_SECONDS, Connection
from zoldyq.server.websocket.dequeue import SEND_BUFFER_BYTES, DequeueSession, parse_stream
from zoldyq.server.websocket.enqueue import EnqueueSession
from zoldyq.server.websocket.frames import GOING_AWAY, POLICY_VIOLATION
from zoldyq.server.websocket.handshake import check_handshake, header_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

# Where servers put a connection's socket: ZoldyQ's own, and gunicorn's.
_SOCKET_KEYS = ("werkzeug.socket", "gunicorn.socket")

_Session = EnqueueSession | DequeueSession


class _Open(NamedTuple):
    """What belongs to a session that is open."""

    channel: Channel
    admission: Pass
    client: Client


class WebSocketSessions:
    """Serves WebSocket upgrades, each on the thread that brings it.

    At most ``max_sessions`` are open at once. A message of more than ``max_message_bytes`` ends
    its session. ``ping_seconds`` lie between two pings; a peer that takes no data for
    ``send_seconds`` is given up.
    """

    def __init__(
        self,
        operations: Operations,
        access: AccessPolicy,
        *,
        max_sessions: int,
        max_message_bytes: int,
        ping_seconds: float,
        send_seconds: float,
    ) -> None:
        self._operations = operations
        self._access = access
        self._max_sessions = max_sessions
        self._max_message_bytes = max_message_bytes
        self._ping_seconds = ping_seconds
        self._send_seconds = send_seconds
        self._turnstile = (
            Turnstile()
        )  # sessions whose peers leave at the same moment end one by one
        # Guards both fields below, and is notified when the last session has ended. Never held
        # across I/O.
        self._changed = threading.Condition()
        self._sessions: dict[_Session, _Open] = {}
        self._closed = False
        access.watch(self._close_withdrawn)

    @property
    def open(self) -> int:
        """Sessions that are open now."""
        with self._changed:
            return len(self._sessions)

    def of(self, queue: str) -> list[Client]:
        """Return the clients whose sessions on a queue are open."""
        with self._changed:
            clients = [each.client for each in self._sessions.values()]
        return [client for client in clients if client.queue == queue]

    def serve(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Serve one upgrade on ``/queues/{name}/enqueue`` or ``/dequeue`` until it has ended.

        What is refused before the handshake is answered over plain HTTP. The socket is left to
        the server that accepted it; bytes that were read too early come in ``zoldyq.unread``.

        Raises:
            StopIteration: under gunicorn, after a session: it then writes no response.
        """
        try:
            session, channel = self._admit(environ)
        except ZoldyQError as error:
            return self._refuse(error, start_response)
        try:
            with channel:
                self._connect(environ, session, channel).run()
        finally:
            self._remove(session)
        if "gunicorn.socket" in environ:
            raise StopIteration
        return []

    def close_all(self, deadline_seconds: float) -> None:
        """Refuse new sessions and end all others, those that do not go by force.

        Each gets a close frame with code 1001, and ``deadline_seconds`` to answer it.
        """
        with self._changed:
            self._closed = True
            channels = [each.channel for each in self._sessions.values()]
        for part in slices(channels):
            for channel in part:
                channel.start_close(GOING_AWAY, "the server is stopping")
        with self._changed:
            if self._changed.wait_for(self._is_empty, deadline_seconds):
                return
            channels = [each.channel for each in self._sessions.values()]
        for channel in channels:
            channel.abort()
        with self._changed:
            self._changed.wait_for(self._is_empty, LINGER_SECONDS)

    # -- helpers -----------------------------------------------------------------------------

    def _admit(self, environ: Mapping[str, Any]) -> tuple[_Session, Channel]:
        """Return a session that is accounted for, or say why there is none."""
        # What is no handshake at all was not sent here, or is refused by the check below.
        target: Target = environ.get(TARGET_KEY) or ROUTER.find(
            "GET", environ["PATH_INFO"], websocket=True
        )
        if not target.route.websocket:
            raise NotFound("WebSockets are at /queues/{name}/enqueue and /queues/{name}/dequeue")
        check_target_and_host(environ)
        token = self._access.admit(target, header_of(environ))
        sock = _socket_of(environ)
        check_handshake(environ)
        session, channel = self._begin(target, environ.get("QUERY_STRING", ""), sock)
        admission = Pass(token, target.route.right, target.name)
        self._add(session, _Open(channel, admission, _client_of(target, environ)))
        return session, channel

    def _begin(self, target: Target, query: str, sock: socket.socket) -> tuple[_Session, Channel]:
        operations = self._operations
        session: _Session
        parameters = wire.parse_query(query, target.route.parameters)
        if target.route.operation == "stream_in":
            channel = Channel(sock, self._send_seconds, turnstile=self._turnstile)
            session = EnqueueSession(operations, target.name, query, channel)
        else:
            stream = parse_stream(target.name, parameters, operations.limits.max_count)
            operations.queues.check_may_wait(stream.name)
            channel = Channel(
                sock,
                self._send_seconds,
                send_buffer=SEND_BUFFER_BYTES,
                needs_peer=True,
                turnstile=self._turnstile,
            )
            session = DequeueSession(operations, stream, channel)
        return session, channel

    def _add(self, session: _Session, opened: _Open) -> None:
        with self._changed:
            if self._closed or self._operations.queues.draining:
                raise ShuttingDown("the server is stopping: connect to its successor")
            if len(self._sessions) >= self._max_sessions:
                raise TooManyWebSockets(
                    f"{self._max_sessions} WebSocket sessions are open: "
                    "try again later, or raise max_websockets",
                    max_websockets=self._max_sessions,
                )
            self._sessions[session] = opened
        # The tokens may have changed since it was let in, and the change did not see it.
        if not self._access.still_admits(opened.admission):
            self._close_withdrawn()

    def _close_withdrawn(self) -> None:
        """Close the sessions whose tokens are gone, or no longer have the right."""
        with self._changed:
            opened = list(self._sessions.values())
        for part in slices(opened):
            for each in part:
                if not self._access.still_admits(each.admission):
                    each.channel.start_close(POLICY_VIOLATION, "the token was withdrawn")

    def _remove(self, session: _Session) -> None:
        with self._changed:
            del self._sessions[session]
            if not self._sessions:
                self._changed.notify_all()

    def _refuse(self, error: ZoldyQError, start_response: StartResponse) -> Iterable[bytes]:
        reply = self._operations.refusals.refuse(error)
        length = ("Content-Length", str(len(reply.body)))
        headers = [("Content-Type", reply.content_type), length, *reply.headers]
        start_response(f"{reply.status} {HTTPStatus(reply.status).phrase}", headers)
        return [reply.body]

    def _is_empty(self) -> bool:
        return not self._sessions

    def _connect(
        self, environ: Mapping[str, Any], session: _Session, channel: Channel
    ) -> Connection:
        """Accept the handshake."""
        return Connection(
            environ,
            channel,
            session,
            subprotocol=self._access.subprotocol(header_of(environ)),
            max_message_bytes=self._max_message_bytes,
            ping_seconds=self._ping_seconds,
        )


def _client_of(target: Target, environ: Mapping[str, Any]) -> Client:
    kind: Kind = "stream_in" if target.route.operation == "stream_in" else "stream_out"
    return Client(target.name, kind, address_text(peer_of(environ)), perf_counter())


def _socket_of(environ: Mapping[str, Any]) -> socket.socket:
    for key in _SOCKET_KEYS:
        sock: socket.socket | None = environ.get(key)
        if sock is not None:
            return sock
    raise WebSocketUnavailable(
        "this WSGI server gives the application no socket: "
        "run zoldyq with its own server, or gunicorn with --worker-class gthread"
    )
