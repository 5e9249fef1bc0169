from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.validate import validator

import pytest

from tests.server.native.http.test_buffer import head_of
from zoldyq.server.native.application import (
    Response,
    call_application,
    make_environ,
    render_wsgi,
)
from zoldyq.server.native.http.render import CLOSE_LINES, keep_alive_lines

RAW = (
    b"POST /a%20b/%C3%A4?c=%64 HTTP/1.1\r\nHost: x\r\nContent-Type: t/u\r\nContent-Length: 3\r\n"
    b"Accept: a\r\nAccept: b\r\nX_Forged: 1\r\nX-Real: 2\r\n\r\n"
)


def environ_of(raw: bytes = RAW, body: bytes = b"abc") -> dict[str, Any]:
    return make_environ(head_of(raw), body, ("10.0.0.1", 5), ("server", 80))


def test_the_environment() -> None:
    environ = environ_of()
    assert environ["REQUEST_METHOD"] == "POST"
    assert environ["PATH_INFO"] == "/a b/\xc3\xa4"
    assert environ["QUERY_STRING"] == "c=%64"
    assert environ["CONTENT_TYPE"] == "t/u"
    assert environ["CONTENT_LENGTH"] == "3"
    assert environ["HTTP_ACCEPT"] == "a, b"
    assert environ["HTTP_X_REAL"] == "2"
    assert (environ["REMOTE_ADDR"], environ["SERVER_NAME"]) == ("10.0.0.1", "server")
    assert (environ["wsgi.multithread"], environ["wsgi.multiprocess"]) == (True, False)
    assert environ["wsgi.input"].read() == b"abc"


def test_a_header_with_an_underscore_cannot_pass_for_one_with_a_dash() -> None:
    assert "HTTP_X_FORGED" not in environ_of()


def test_a_chunked_body_has_a_length_by_now() -> None:
    raw = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    environ = environ_of(raw, b"abcd")
    assert environ["CONTENT_LENGTH"] == "4"
    assert "HTTP_TRANSFER_ENCODING" not in environ


def test_the_environment_is_a_valid_one() -> None:
    def application(environ: dict[str, Any], start: StartResponse) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read(3)]

    assert call_application(validator(application), environ_of()).body == b"abc"


class Chunks:
    """A body that knows whether it was closed."""

    closed = False

    def __init__(self, *chunks: bytes | Exception) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def close(self) -> None:
        self.closed = True


def test_written_and_returned_chunks_make_the_body() -> None:
    chunks = Chunks(b"b", b"", b"c")

    def application(environ: dict[str, Any], start: StartResponse) -> Chunks:
        start("200 OK", [("X", "y")])(b"a")
        return chunks

    response = call_application(application, environ_of())
    assert (response.status, response.headers, response.body) == ("200 OK", [("X", "y")], b"abc")
    assert chunks.closed


@pytest.mark.parametrize("begun", [True, False])
def test_a_broken_application_answers_500(begun: bool, caplog: pytest.LogCaptureFixture) -> None:
    chunks = Chunks(b"half", ValueError("secret"))

    def application(environ: dict[str, Any], start: StartResponse) -> Chunks:
        if not begun:
            raise ValueError("secret")
        start("200 OK", [])
        return chunks

    response = call_application(application, environ_of())
    assert response.status == "500 Internal Server Error"
    assert b"internal_error" in response.body
    assert b"secret" not in response.body
    assert b"half" not in response.body
    assert chunks.closed is begun
    assert "secret" in caplog.text


class TestRendering:
    @staticmethod
    def make(status: str = "200 OK", body: bytes = b"abc") -> Response:
        response = Response()
        response.start(status, [("Content-Type", "a/b"), ("Content-Length", "99"), ("X", "y")])
        response.body = body
        return response

    def test_lengths_and_connections_are_the_server_s(self) -> None:
        data = render_wsgi(self.make(), CLOSE_LINES, head=False)
        assert data.startswith(b"HTTP/1.1 200 OK\r\nDate: ")
        assert b"\r\nContent-Length: 3\r\n" in data
        assert b"99" not in data
        assert b"\r\nX: y\r\n" in data
        assert b"\r\nConnection: close\r\n" in data
        assert data.endswith(b"\r\n\r\nabc")

    def test_a_head_has_the_length_that_a_get_would_have_and_no_body(self) -> None:
        data = render_wsgi(self.make(), keep_alive_lines(75), head=True)
        assert data.count(b"\r\nContent-Length: 99\r\n") == 1
        assert data.endswith(b"\r\n\r\n")

    @pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
    def test_some_have_no_length(self, status: str) -> None:
        data = render_wsgi(self.make(status, b""), keep_alive_lines(75), head=False)
        assert b"Content-Length" not in data
        assert b"\r\nConnection: keep-alive\r\n" in data
