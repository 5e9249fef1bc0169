"""The page of the API at /docs: every operation is there, and can be tried."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess, start
from tests.helpers import wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = start("native", tmp_path_factory.mktemp("docs"), token="open-sesame", drain_seconds=0)
    yield process
    assert process.stop() == 0


class Page:
    """The page in a browser, as a person uses it."""

    def __init__(self, browser: Chrome, url: str) -> None:
        self.browser = browser
        browser.get(f"{url}/docs")
        wait_until(lambda: len(browser.find_elements(By.CSS_SELECTOR, "#documents details")) > 9)

    def fill(self, field: str, text: str) -> None:
        found = self.browser.find_element(By.ID, field)
        found.clear()
        found.send_keys(text)

    def send(self, operation: str, **fields: str) -> str:
        """Open an operation, fill in its form and send it; return what is shown."""
        self.browser.execute_script(f"document.getElementById('{operation}').open = true")
        for name, text in fields.items():
            self.fill(f"{operation}-{name}", text)
        self.browser.find_element(By.CSS_SELECTOR, f"#{operation} form button").click()
        shown = f"#{operation} [aria-live] p"
        wait_until(lambda: bool(self.browser.find_elements(By.CSS_SELECTOR, shown)))
        return self.browser.find_element(By.CSS_SELECTOR, f"#{operation} [aria-live]").text


@pytest.fixture
def page(browser: Chrome, server: ServerProcess) -> Page:
    return Page(browser, server.url)


def test_every_operation_of_the_document_has_its_form(page: Page, server: ServerProcess) -> None:
    document = Api(server.address).get("/openapi.json").json()
    operations = [
        told["operationId"]
        for path in document["paths"].values()
        for method, told in path.items()
        if method != "parameters"
    ]
    shown = page.browser.find_elements(By.CSS_SELECTOR, "#operations details")
    assert sorted(each.get_attribute("id") for each in shown) == sorted(operations)


def test_requests_are_sent_with_the_token_that_only_the_page_knows(
    page: Page, server: ServerProcess
) -> None:
    assert "401 " in page.send("list_queues")
    page.fill("api-token", "open-sesame")
    assert "200 " in page.send("enqueue", name="tried", body='{"payload": {"price": 1.10}}')
    told = page.send("dequeue", name="tried", count="5")
    assert '"price": 1.10' in told.replace('"price":1.10', '"price": 1.10')
    assert "curl -X POST" in told
    assert "$TOKEN" in told
    assert "open-sesame" not in page.browser.find_element(By.TAG_NAME, "body").text
    moved = page.send("move_messages", name="tried", to="other")
    assert '"moved": 0' in moved
    kept = page.browser.execute_script("return [...Object.keys(localStorage), "
                                       "...Object.keys(sessionStorage)]")  # fmt: skip
    assert kept == []


def test_every_operation_can_be_tried_as_it_is_filled_in(page: Page) -> None:
    page.fill("api-token", "open-sesame")
    for form in page.browser.find_elements(By.CSS_SELECTOR, "#operations details"):
        operation = str(form.get_attribute("id"))
        assert "after" in page.send(operation), operation
    errors = [line for line in page.browser.get_log("browser") if "violates" in line["message"]]
    assert errors == []


def test_an_address_opens_what_it_names(page: Page) -> None:
    page.browser.execute_script("location.hash = 'document-Health'")
    opened = "return document.getElementById('document-Health').open"
    wait_until(lambda: bool(page.browser.execute_script(opened)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(page: Page, scheme: str) -> None:
    page.browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    page.send("enqueue")
    page.browser.execute_script("document.querySelectorAll('details').forEach(e => e.open = true)")
    results: dict[str, Any] = Axe().run(page.browser)  # type: ignore[no-untyped-call]
    assert [(found["id"], found["nodes"][0]["html"]) for found in results["violations"]] == []
