"""A stretch of network between a front end and Redis that a test can cut, stall and hang up."""

from __future__ import annotations

import socket
import struct
import threading
from types import TracebackType
from typing import Self


class Cutter:
    """Passes connections on to ``port`` of this machine; both directions may be cut at any time."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Lock()  # guards the two fields below
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        #: Bytes of answers that pass before the connection that carries them ends; None for all.
        self._answer_bytes: int | None = None
        self._open = threading.Event()  # whether bytes pass
        self._open.set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """What to give as ``--backend``."""
        return f"redis://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.set()
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End all connections at once, without a word to either side that they could miss."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for end in pair:
                _reset(end)

    def cut_after(self, answer_bytes: int) -> None:
        """End the connections once as many bytes of answers have passed, wherever that is."""
        with self._lock:
            self._answer_bytes = answer_bytes

    def stall(self) -> None:
        """Have nothing pass from now on, while the connections stand."""
        self._open.clear()

    def resume(self) -> None:
        """Have everything pass again."""
        self._open.set()

    # -- threads -------------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.add((client, server))
            for source, sink, is_answer in ((client, server, False), (server, client, True)):
                threading.Thread(
                    target=self._pass, args=(source, sink, is_answer), daemon=True
                ).start()

    def _pass(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                self._open.wait()
                keep = self._allowed(len(data)) if is_answer else None
                sink.sendall(data if keep is None else data[:keep])
                if keep is not None:
                    self.cut()
                    return
        except OSError:
            pass
        for end in (source, sink):
            _end(end)

    def _allowed(self, count: int) -> int | None:
        """Return how many of these bytes of answers may still pass; None for all of them."""
        with self._lock:
            if self._answer_bytes is None:
                return None
            if count <= self._answer_bytes:
                self._answer_bytes -= count
                return None
            keep, self._answer_bytes = self._answer_bytes, None
            return keep


def _reset(end: socket.socket) -> None:
    """Close a connection with what it has not sent yet, and wake its thread."""
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        return
    _end(end)
    end.close()


def _end(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
