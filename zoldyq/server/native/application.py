"""Runs the WSGI application for requests that the event loop does not answer itself (PEP 3333)."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Iterable
from email.utils import formatdate
from types import TracebackType
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication

from zoldyq import wire
from zoldyq.server.api.refusals import internal_error
from zoldyq.server.api.router import TARGET_KEY
from zoldyq.server.native.http.head import Head
from zoldyq.server.native.http.render import NO_BODY
from zoldyq.wire import Buffer

_log = logging.getLogger(__name__)

#: Headers of an application that are the server's to write: for a HEAD, and for all others.
_OURS_FOR_HEAD = frozenset({"connection", "date", "keep-alive"})
_OURS = _OURS_FOR_HEAD | {"content-length"}

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None


class Response:
    """What an application answered: a status line, headers and the whole body."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.body = b""

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo = None, /
    ) -> Callable[[bytes], object]:
        """Be the ``start_response`` of the specification."""
        self.status = status
        self.headers = headers
        return self._append

    def _append(self, data: bytes) -> None:
        self.body += data


def make_environ(
    head: Head, body: Buffer, peer: tuple[str, int], server: tuple[str, int], scheme: str = "http"
) -> dict[str, Any]:
    """Return the environment of a request whose body has been read."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": head.path,
        "QUERY_STRING": head.query,
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{head.version}",
        "REMOTE_ADDR": peer[0],
        "REMOTE_PORT": str(peer[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in head.headers:
        if "_" in name:
            continue  # it would pass for the header with a dash
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]}, {value}" if key in environ else value
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        value = environ.pop("HTTP_" + key, None)
        if value is not None:
            environ[key] = value
    if head.route.target is not None:
        environ[TARGET_KEY] = head.route.target
    if head.chunked:
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
    return environ


def call_application(application: WSGIApplication, environ: dict[str, Any]) -> Response:
    """Return the application's response; a broken application answers 500."""
    response = Response()
    start: StartResponse = response.start
    chunks: Iterable[bytes] | None = None
    try:
        chunks = application(environ, start)
        response.body += b"".join(chunks)
    except Exception:  # noqa: BLE001 - whatever it was, the client gets an answer
        _log.exception("a request was answered 500")
        reply = wire.error_reply(internal_error())
        response = Response()
        response.status = "500 Internal Server Error"
        response.headers = [("Content-Type", reply.content_type), *reply.headers]
        response.body = reply.body
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    return response


def render_wsgi(response: Response, connection: str, *, head: bool) -> bytes:
    """Return the whole response that a WSGI application gave.

    ``connection`` are the header lines that say whether the connection stays open. The response
    to a ``head`` has no body, and the length that the application gave for it.
    """
    lines = [f"HTTP/1.1 {response.status}", f"Date: {formatdate(usegmt=True)}"]
    ours = _OURS_FOR_HEAD if head else _OURS
    lines += [f"{name}: {value}" for name, value in response.headers if name.lower() not in ours]
    if not head and int(response.status[:3]) not in NO_BODY:
        lines.append(f"Content-Length: {len(response.body)}")
    lines.append(connection)
    beginning = ("\r\n".join(lines) + "\r\n").encode("latin-1")
    return beginning if head else beginning + response.body
