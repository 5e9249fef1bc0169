"""The WSGI application over waitress: portable, slower, without WebSocket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any
from wsgiref.types import WSGIApplication

from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server

from zoldyq.server.api.operations import Operations
from zoldyq.server.sockets import close_listening, describe, open_tcp, open_unix
from zoldyq.server.wsgi.waitress_errors import refusing_channel


class WaitressServer:
    """Starts and stops waitress with the settings that its users have been bitten without.

    waitress buffers a body whole before the application sees it, so it has a bound of its own, a
    little above that of the application.
    """

    def __init__(
        self,
        application: WSGIApplication,
        operations: Operations,
        *,
        threads: int,
        max_connections: int,
        max_header_bytes: int,
        idle_seconds: float,
        backlog: int,
    ) -> None:
        self._application = application
        self._channel_class = refusing_channel(operations, max_header_bytes)
        self._backlog = backlog
        self._options: dict[str, Any] = {
            "threads": threads,
            "connection_limit": max_connections,
            "max_request_header_size": max_header_bytes,
            "max_request_body_size": operations.limits.max_body_bytes + (1 << 16),
            "channel_timeout": max(int(idle_seconds), 1),
            "backlog": backlog,
            # Else a waiting request never learns that its client has gone.
            "channel_request_lookahead": 1,
            # select() stops at descriptor 1023.
            "asyncore_use_poll": True,
            "ident": None,
            "clear_untrusted_proxy_headers": True,
        }
        self._sockets: list[socket.socket] = []
        self._map: dict[int, Any] = {}  # what the loop serves; its thread alone changes it
        self._listeners: list[Any] = []
        self._thread: threading.Thread | None = None

    def listen(self, host: str, port: int, unix_socket: str | None = None) -> list[str]:
        """Open the listening sockets and return their addresses.

        Raises:
            OSError: an address cannot be had.
        """
        if unix_socket is not None:
            self._sockets.append(open_unix(unix_socket, self._backlog))
        else:
            self._sockets += open_tcp(host, port, self._backlog)
        return [describe(sock) for sock in self._sockets]

    def start(self) -> None:
        """Begin to serve, on threads of waitress's own."""
        server = create_server(
            self._application, map=self._map, sockets=self._sockets, **self._options
        )
        self._listeners = [
            entry for entry in self._map.values() if isinstance(entry, BaseWSGIServer)
        ]
        for listener in self._listeners:
            listener.channel_class = self._channel_class
        self._thread = threading.Thread(target=server.run, name="zoldyq-waitress", daemon=True)
        self._thread.start()

    def stop_accepting(self) -> None:
        """Refuse new connections; those that are open stay usable."""
        self._in_loop(self._close_listeners)

    def stop(self, timeout: float = 5.0) -> None:
        """Answer what is being worked on, close all connections and end all threads.

        Requests that take longer than ``timeout`` seconds are cut.
        """
        self.stop_accepting()
        dispatcher = self._listeners[0].task_dispatcher
        dispatcher.shutdown(cancel_pending=True, timeout=timeout)
        self._in_loop(self._close_all)
        if self._thread is not None:
            self._thread.join()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return sum(len(listener.active_channels) for listener in self._listeners)

    def _in_loop(self, call: Callable[[], None]) -> None:
        """Have the loop's thread make a call, for it alone may touch the sockets."""
        self._listeners[0].trigger.pull_trigger(call)

    def _close_listeners(self) -> None:
        # Not by their own close(), which would also close what workers wake the loop with.
        for listener in self._listeners:
            if listener.socket.fileno() >= 0:
                listener.del_channel()
                close_listening(listener.socket)

    def _close_all(self) -> None:
        wasyncore.close_all(self._map, ignore_all=True)
