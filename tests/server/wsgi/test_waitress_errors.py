"""What waitress refuses by itself reads as the application's refusals do, and is counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.raw import Api
from zoldyq.config import Settings
from zoldyq.server.run import make_server
from zoldyq.server.wsgi.app import ZoldyQApp, create_app

SETTINGS = Settings(server="waitress", max_body_bytes=1024, max_header_bytes=2048)


@pytest.fixture
def app() -> ZoldyQApp:
    return create_app(SETTINGS)


@pytest.fixture
def api(app: ZoldyQApp) -> Iterator[Api]:
    """A client of waitress in this process."""
    server = make_server(SETTINGS, app)
    (url,) = server.listen("127.0.0.1", 0)
    server.start()
    yield Api(("127.0.0.1", int(url.rpartition(":")[2])))
    server.stop()


HUGE = b"POST /queues/a/enqueue HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (HUGE, 413, "body_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 4000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nbad line\r\n\r\n", 400, "malformed_request"),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
            415,
            "unsupported_encoding",
        ),
    ],
    ids=["body", "head", "line", "encoding"],
)
def test_a_refusal_has_the_form_of_all_others(
    app: ZoldyQApp, api: Api, request_: bytes, status: int, code: str
) -> None:
    with api.wire() as wire:
        wire.send(request_)
        response = wire.response()
    assert (response.status, response.code) == (status, code)
    assert response.headers["cache-control"] == "no-store"
    assert app.operations.refusals.snapshot() == {code: 1}


def test_a_refused_head_has_no_content(api: Api) -> None:
    with api.wire() as wire:
        wire.send(b"HEAD / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n")
        response = wire.response(head=True)
        assert response.status == 413
        assert int(response.headers["content-length"]) > 0
        assert wire.rest() == b""
