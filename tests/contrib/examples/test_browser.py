"""The web page that sends and receives."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.contract.servers import ServerProcess
from tests.contrib.programs import EXAMPLES
from tests.helpers import wait_until
from tests.ui.conftest import browser
from zoldyq.client import Client

__all__ = ["browser"]

TOKEN = "open-sesame?~>"


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing on standard error."""


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Where the examples are served, as `python3 -m http.server` does."""
    handler = partial(Handler, directory=str(EXAMPLES))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(timeout=20)
    assert not thread.is_alive()


@pytest.fixture
def page(browser: Chrome, origin: str) -> Iterator[Chrome]:
    """The page, opened."""
    browser.get(f"{origin}/browser.html")
    yield browser
    browser.get("about:blank")


def fill(page: Chrome, **values: str) -> None:
    for name, value in values.items():
        field = page.find_element(By.ID, name)
        field.clear()
        field.send_keys(value)


def click(page: Chrome, text: str) -> None:
    page.find_element(By.XPATH, f"//button[text()='{text}']").click()


def status(page: Chrome) -> str:
    return page.find_element(By.ID, "status").text


def received(page: Chrome) -> list[object]:
    return [json.loads(item.text) for item in page.find_elements(By.CSS_SELECTOR, "#messages li")]


def test_it_sends_and_receives(
    page: Chrome, origin: str, start_server: Callable[..., ServerProcess]
) -> None:
    server = start_server(cors_origins=origin, token=TOKEN)
    fill(page, url=server.url, token=TOKEN, text="<b>hello</b>")
    click(page, "Send")
    wait_until(lambda: status(page) == "Sent; 1 waiting.")
    click(page, "Receive")
    wait_until(lambda: received(page) == [{"text": "<b>hello</b>"}])
    with Client(server.url, token=TOKEN) as client:
        # More than may be on their way at once.
        client.queue("chat").enqueue_many(range(25))
        wait_until(lambda: received(page)[1:] == list(range(25)))
    server.stop()
    wait_until(lambda: status(page).startswith("Not receiving"))
    click(page, "Send")
    wait_until(lambda: status(page).startswith("Not sent"))


def test_it_says_so_where_it_is_not_let_in(
    page: Chrome, origin: str, start_server: Callable[..., ServerProcess]
) -> None:
    fill(page, url=start_server().url)
    click(page, "Send")
    wait_until(lambda: status(page).startswith("Not sent"))
    click(page, "Receive")
    wait_until(lambda: status(page).startswith("Not receiving"))
    fill(page, url=start_server(cors_origins=origin, token=TOKEN).url)
    click(page, "Send")
    wait_until(lambda: "Authorization: Bearer" in status(page))
