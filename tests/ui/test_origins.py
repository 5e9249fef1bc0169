"""What the pages of other origins can do to a server, tried in a browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.helpers import wait_until
from tests.ui.conftest import Start

#: Tries everything that a page can, and tells what it got.
ATTEMPTS = """
const [server, done] = arguments;
const url = (verb) => `${server}/queues/emails/${verb}`;
const attempt = async (...request) => {
  try {
    const response = await fetch(...request);
    return response.type === "opaque" ? "opaque" : await response.text();
  } catch {
    return "failed";
  }
};
const socket = (verb) => new Promise((resolve) => {
  const ws = new WebSocket(url(verb).replace("http", "ws"));
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
  const json = {"Content-Type": "application/json"};
  const result = {
    read: await attempt(`${server}/queues`),
    enqueue: await attempt(url("enqueue"), {method: "POST", body, headers: json}),
    dequeue: await attempt(url("dequeue")),
    socket: await socket("enqueue"),
  };
  // These ask for no permission, and their answers cannot be read; they must do no harm.
  await attempt(url("enqueue"), {method: "POST", body, mode: "no-cors"});
  await attempt(url("purge"), {method: "POST", mode: "no-cors"});
  await attempt(url("dequeue"), {mode: "no-cors"});
  await image();
  done(result);
})();
"""


@pytest.fixture
def pages() -> Iterator[int]:
    """A web server with an empty page; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing on standard error."""

    # Browsers open connections ahead of need, which would hold up a server without threads.
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(timeout=10)
    assert not thread.is_alive()


def attempts(browser: Chrome, origin: str, server: ServerProcess) -> dict[str, Any]:
    """Have a page of an origin try what it can; return what it got."""
    browser.get(origin)
    return dict(browser.execute_async_script(ATTEMPTS, server.url))


# Another site, and another port of the same site, which browsers tell apart.
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_page_of_another_origin_can_do_nothing(
    browser: Chrome, server: ServerProcess, pages: int, api: Api, host: str
) -> None:
    api.enqueue("emails", 1, 2, 3)
    got = attempts(browser, f"http://{host}:{pages}", server)
    assert set(got.values()) == {"failed"}
    assert api.drain("emails") == [1, 2, 3]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_page_of_an_allowed_origin_can_use_the_queues(
    browser: Chrome, start_server: Start, pages: int, host: str
) -> None:
    origin = f"http://{host}:{pages}"
    server = start_server(cors_origins=origin)
    Api(server.address).enqueue("emails", 1)
    got = attempts(browser, origin, server)
    assert '"total_queues":1' in got["read"]
    assert '"queued":true' in got["enqueue"]
    assert '"payload":1' in got["dequeue"]
    assert got["socket"] == "open"


def test_another_page_can_link_to_the_dashboard_but_not_frame_it(
    browser: Chrome, server: ServerProcess, pages: int
) -> None:
    browser.get(f"http://localhost:{pages}")
    browser.execute_script(
        """
        const frame = document.createElement("iframe");
        frame.name = "framed";
        const link = document.createElement("a");
        frame.src = link.href = arguments[0];
        link.textContent = "the queues";
        document.body.append(frame, link);
        """,
        server.url,
    )
    browser.switch_to.frame("framed")
    wait_until(lambda: browser.execute_script("return document.readyState") == "complete")
    assert browser.find_elements(By.ID, "totals") == []
    browser.switch_to.default_content()
    browser.find_element(By.TAG_NAME, "a").click()
    wait_until(lambda: browser.title == "ZoldyQ")
