"""Pages whose name is pointed to the server after they were loaded, tried in a browser."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import urlopen

import pytest
from selenium.webdriver import Chrome

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.ui.conftest import Start, chromium

NAME = "evil.example"

#: Tries everything that a page can do with its own host, and tells what it got.
ATTEMPTS = """
const done = arguments[0];
const url = (verb) => `/queues/emails/${verb}`;
const attempt = async (...request) => {
  try {
    const response = await fetch(...request);
    return `${response.status} ${await response.text()}`;
  } catch (error) {
    return `failed: ${error}`;
  }
};
const socket = (verb) => new Promise((resolve) => {
  const ws = new WebSocket(`ws://${location.host}${url(verb)}`);
  ws.onopen = () => { ws.close(); resolve("open"); };
  ws.onerror = () => resolve("failed");
});
const image = () => new Promise((resolve) => {
  const img = new Image();
  img.onload = img.onerror = resolve;
  img.src = url("dequeue");
});
(async () => {
  const body = JSON.stringify({payload: "from the page"});
  const disguise = {
    referrerPolicy: "no-referrer",
    headers: {"Accept-Language": "", "User-Agent": "curl/8", "Accept": "*/*"},
  };
  const result = {
    list: await attempt("/queues"),
    health: await attempt("/health"),
    metrics: await attempt("/metrics"),
    page: await attempt("/ui/app.js"),
    peek: await attempt(url("peek")),
    dequeue: await attempt(url("dequeue")),
    disguised: await attempt(url("dequeue"), disguise),
    post: await attempt(url("dequeue"), {method: "POST"}),
    enqueue: await attempt(url("enqueue"), {method: "POST", body}),
    purge: await attempt(url("purge"), {method: "POST"}),
    delete: await attempt("/queues/emails", {method: "DELETE"}),
    in: await socket("enqueue"),
    out: await socket("dequeue"),
  };
  await image();
  await attempt(url("dequeue"), {mode: "no-cors"});
  navigator.sendBeacon(url("enqueue"), body);
  done(result);
})();
"""


class PageServer(ThreadingHTTPServer):
    """A server that takes its connections with it.

    A browser opens connections ahead of need. The thread of such a one would answer requests when
    another server has the port already.
    """

    daemon_threads = True

    def __init__(self) -> None:
        self._connections: list[socket.socket] = []
        super().__init__(("127.0.0.1", 0), Page)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def server_close(self) -> None:
        super().server_close()
        for connection in self._connections:
            with suppress(OSError):  # its thread has closed it
                connection.shutdown(socket.SHUT_RDWR)


class Page(BaseHTTPRequestHandler):
    """An empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing on standard error."""


@contextmanager
def page_server() -> Iterator[int]:
    """A web server with an empty page; its port."""
    with PageServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(timeout=10)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def misled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A browser that finds the name of the page at the loopback address."""
    profile = tmp_path_factory.mktemp("rebinding")
    with chromium(profile, f"--host-resolver-rules=MAP {NAME} 127.0.0.1") as chrome:
        yield chrome


def attempts(browser: Chrome, start_server: Start, **settings: object) -> tuple[Any, Api]:
    """Load a page, put ZoldyQ in the place of its server, and have the page try what it can.

    Return what the page got, and a client of the server, where three messages were queued.
    """
    with page_server() as port:
        browser.get(f"http://{NAME}:{port}/")
    # What the name leads to is another server from here on, as after a change of its address.
    server: ServerProcess = start_server(port=port, **settings)
    api = Api(server.address)
    api.enqueue("emails", 1, 2, 3)
    return browser.execute_async_script(ATTEMPTS), api


def test_nothing_of_the_pages_server_is_left_behind() -> None:
    with page_server() as port:
        ahead = socket.create_connection(("127.0.0.1", port))
        with urlopen(f"http://127.0.0.1:{port}/") as response:
            assert response.status == 200
    with ahead:
        ahead.settimeout(60)
        assert ahead.recv(1) == b""


def test_a_page_whose_name_was_pointed_to_the_server_can_do_nothing(
    misled: Chrome, start_server: Start
) -> None:
    got, api = attempts(misled, start_server)
    sockets = {got.pop("in"), got.pop("out")}
    assert sockets == {"failed"}
    for attempt, answer in got.items():
        assert answer.startswith("403 "), (attempt, answer)
        assert '"error":"forbidden_host"' in answer, (attempt, answer)
    assert api.drain("emails") == [1, 2, 3]


def test_a_name_that_is_allowed_can_do_everything(misled: Chrome, start_server: Start) -> None:
    got, _ = attempts(misled, start_server, allowed_hosts=NAME)
    assert got["dequeue"].startswith('200 {"payload":1,')
    assert got["enqueue"].startswith('200 {"queued":true,')
    assert (got["in"], got["out"]) == ("open", "open")
    assert got["delete"].startswith('200 {"deleted":true,')


def test_programs_notice_nothing(start_server: Start) -> None:
    server = start_server()
    api = Api(server.address, host=f"{NAME}:{server.port}", user_agent="curl/8")
    api.enqueue("emails", 1)
    assert api.drain("emails") == [1]
