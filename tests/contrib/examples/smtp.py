"""A mail server that takes e-mails, after it has refused some."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class MailServer(socketserver.TCPServer):
    """Keeps the e-mails that it is sent, once it has refused ``refusals`` of them."""

    def __init__(self, refusals: int) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.refusals = refusals
        self.emails: list[str] = []

    @property
    def address(self) -> str:
        """Where it listens, as ``host:port``."""
        return f"127.0.0.1:{self.server_address[1]}"


class _Session(socketserver.StreamRequestHandler):
    server: MailServer
    timeout = 20

    def handle(self) -> None:
        self._answer("220 ready")
        while (command := self.rfile.readline().decode().strip().upper()) not in ("", "QUIT"):
            if command == "DATA":
                self._answer("354 go on")
                self.server.emails.append(self._text())
            elif command.startswith("RCPT") and self.server.refusals:
                self.server.refusals -= 1
                self._answer("450 try later")
                continue
            self._answer("250 done")
        self._answer("221 bye")

    def _text(self) -> str:
        lines = iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), ".")
        return "\n".join(lines)

    def _answer(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def mail_server(refusals: int = 0) -> Iterator[MailServer]:
    """A mail server on a free port."""
    with MailServer(refusals) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(timeout=20)
    assert not thread.is_alive()
