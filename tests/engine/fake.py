"""A server that answers commands as a test says, whatever it is meant to be."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

import hiredis

#: What a server says of itself after HELLO.
HELLO = b"%2\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
SENTINEL_HELLO = b"%1\r\n$4\r\nmode\r\n$8\r\nsentinel\r\n"
#: What a server pushes after SUBSCRIBE.
SUBSCRIBED = b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"

#: Takes the words of a command in upper case, and returns the bytes of the answer.
Answer = Callable[[list[bytes]], bytes]


class FakeServer:
    """Listens on a free port of the loopback interface until the block ends."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sock in [self._listener, *self._sockets]:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        reader = hiredis.Reader()
        try:
            while data := sock.recv(1 << 16):
                reader.feed(data)
                while (words := reader.gets()) is not False:
                    sock.sendall(self._answer([bytes(word).upper() for word in words]))
        except (OSError, hiredis.ProtocolError):
            sock.close()


def bulk(text: str) -> bytes:
    """A text as an answer."""
    data = text.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def words(*texts: str) -> bytes:
    """A list of texts as an answer."""
    return b"*%d\r\n" % len(texts) + b"".join(bulk(text) for text in texts)
