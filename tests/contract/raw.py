"""HTTP by hand: what goes over the wire is what the test says, to the byte."""

from __future__ import annotations

import json
import socket
import ssl
import struct
from types import TracebackType
from typing import Any, Self

from tests.certificates import SecureAddress

#: How long a response may take, in seconds. A test that waits longer has found a hang.
PATIENCE = 60.0


class Response:
    """One response as it was received."""

    def __init__(self, head: bytes, body: bytes) -> None:
        status_line, *lines = head.decode("latin-1").split("\r\n")
        self.version, status, _ = (status_line + " ").split(" ", 2)
        self.status = int(status)
        self.headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            assert name.lower() not in self.headers, f"{name} came twice"
            self.headers[name.lower()] = value.strip()
        self.body = body

    def json(self) -> Any:
        """The body as a document."""
        assert self.headers["content-type"] == "application/json", self.headers
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error document, which has at least a code and a text."""
        document = self.json()
        assert isinstance(document["message"], str)
        assert len(document["message"]) > 10
        return str(document["error"])

    def __repr__(self) -> str:
        return f"{self.status} {self.headers} {self.body[:200]!r}"


class Wire:
    """A connection to a server. Use it in a ``with``."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, timeout=PATIENCE)
        if isinstance(address, SecureAddress):
            self.socket = address.context.wrap_socket(self.socket, server_hostname="localhost")
        self._data = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def request(
        self, method: str, target: str, body: bytes | None = None, **headers: str
    ) -> Response:
        """Send a request and return its response."""
        self.send(request_bytes(method, target, body, **headers))
        return self.response(head=method == "HEAD")

    def response(self, *, head: bool = False) -> Response:
        """Read one response; ``head`` says that it answers a HEAD."""
        raw = self._until(b"\r\n\r\n")
        response = Response(raw, b"")
        if head or response.status < 200 or response.status in (204, 304):
            return response
        length = response.headers.get("content-length")
        response.body = self._exactly(int(length)) if length is not None else self.rest()
        return response

    def rest(self) -> bytes:
        """Everything until the server closes the connection."""
        while self._receive():
            pass
        rest, self._data = self._data, b""
        return rest

    def is_closed(self) -> bool:
        """Wait for the server to send something or to close; tell whether it closed."""
        return not self._data and not self._receive()

    def half_close(self) -> None:
        """Tell the server that nothing more will come."""
        # Not the method of a TLS socket, which would read plain text from then on.
        socket.socket.shutdown(self.socket, socket.SHUT_WR)

    def reset(self) -> None:
        """Close so that the server gets a reset instead of an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _until(self, end: bytes) -> bytes:
        while end not in self._data:
            assert self._receive(), f"the connection ended after {self._data!r}"
        found, _, self._data = self._data.partition(end)
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._data) < size:
            assert self._receive(), f"the connection ended after {len(self._data)} of {size}"
        found, self._data = self._data[:size], self._data[size:]
        return found

    def _receive(self) -> bool:
        try:
            received = self.socket.recv(1 << 16)
        except ConnectionResetError:
            return False
        except ssl.SSLError as error:
            if error.reason != "TLSV1_ALERT_DECODE_ERROR":
                raise
            return False  # what OpenSSL answers to an end without close_notify
        self._data += received
        return bool(received)


def request_bytes(method: str, target: str, body: bytes | None = None, **headers: str) -> bytes:
    """A request; headers are given with underscores for dashes, bodies get their length."""
    lines = [f"{method} {target} HTTP/1.1"]
    given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    if body is not None:
        given = {"content-length": str(len(body)), **given}
    given = {"host": "zoldyq", **given}
    lines += [f"{name}: {value}" for name, value in given.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")


class Api:
    """A server, with a new connection for each request."""

    def __init__(self, address: tuple[str, int], **headers: str) -> None:
        self.address = address
        self._headers = headers

    def wire(self) -> Wire:
        """Open a connection."""
        return Wire(self.address)

    def request(self, method: str, target: str, body: object = None, **headers: str) -> Response:
        """Send one request; a body that is not bytes is sent as JSON."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        with self.wire() as wire:
            return wire.request(method, target, data, **{**self._headers, **headers})

    def get(self, target: str, **headers: str) -> Response:
        return self.request("GET", target, **headers)

    def post(self, target: str, body: object = b"", **headers: str) -> Response:
        return self.request("POST", target, body, **headers)

    def put(self, target: str, body: object, **headers: str) -> Response:
        return self.request("PUT", target, body, **headers)

    def delete(self, target: str, **headers: str) -> Response:
        return self.request("DELETE", target, **headers)

    def enqueue(self, queue: str, *payloads: object) -> None:
        """Put messages into a queue."""
        response = self.post(f"/queues/{queue}/enqueue", {"payloads": payloads})
        assert response.status == 200, response

    def drain(self, queue: str) -> list[Any]:
        """Take all messages out of a queue, and return their payloads."""
        payloads: list[Any] = []
        while (response := self.get(f"/queues/{queue}/dequeue?count=1000")).status == 200:
            payloads += [message["payload"] for message in response.json()["messages"]]
        assert response.status == 204, response
        return payloads

    def stats(self, queue: str) -> Any:
        """The statistics of a queue; empty if there is none."""
        response = self.get(f"/queues/{queue}")
        return response.json() if response.status == 200 else {}
