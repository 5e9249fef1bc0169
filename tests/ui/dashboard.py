"""The dashboard as a person uses it: looking, clicking and typing."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
)
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.helpers import wait_until

#: Reads a whole row at one moment, so that no figure changes between two others.
_ROWS = """
return [...document.querySelectorAll("#overview tbody tr")].map((row) => Object.fromEntries(
  [...row.querySelectorAll("[data-show]")].map((part) => [part.dataset.show, part.textContent])));
"""


class Dashboard:
    """The page in a browser. Use it in a ``with``, which closes what is open."""

    def __init__(self, browser: Chrome, url: str, place: str = "") -> None:
        self.browser = browser
        self.url = url
        # It looks at the figures as often as a test can wait for.
        browser.get(f"{url}/?refresh=0.2{place}")
        self.wait_for_state("healthy")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        self.browser.get("about:blank")

    # -- looking -----------------------------------------------------------------------------

    @property
    def rows(self) -> list[dict[str, str]]:
        """What is shown of each queue, from top to bottom."""
        return list(self.browser.execute_script(_ROWS))

    @property
    def names(self) -> list[str]:
        """The queues from top to bottom."""
        return [row["name"] for row in self.rows]

    def row(self, name: str) -> dict[str, str]:
        """What is shown of one queue; nothing if it is not there."""
        return next((row for row in self.rows if row["name"] == name), {})

    def total(self, figure: str) -> str:
        """One of the figures of all queues together."""
        return self.text(f"#totals [data-show={figure}]")

    def banner(self, key: str) -> str:
        """The text of a banner above the figures, empty if it is not shown."""
        texts = "return [...document.querySelectorAll(`#banners [data-key=${arguments[0]}] p`)]"
        found = self.browser.execute_script(f"{texts}.map((p) => p.textContent)", key)
        return str(found[0]) if found else ""

    def text(self, selector: str) -> str:
        """The text of an element, empty where it is not to be seen."""
        return self.find(selector).text

    def sees(self, selector: str) -> bool:
        """Whether an element is to be seen."""
        return self.find(selector).is_displayed()

    def find(self, selector: str) -> WebElement:
        """The element that fits."""
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def run(self, script: str) -> Any:
        """What a script in the page returns."""
        return self.browser.execute_script(script)

    def complaints(self) -> list[str]:
        """What the browser has written to its console since the last call."""
        entries = self.browser.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries]

    # -- waiting -----------------------------------------------------------------------------

    def wait_for_state(self, state: str) -> None:
        """Wait until the page says so of the server."""
        wait_until(lambda: self.text("#state") == state)

    def wait_for_text(self, selector: str, part: str) -> None:
        """Wait until a text is to be read there."""
        wait_until(lambda: part in self.text(selector))

    def wait_for_banner(self, key: str, part: str) -> None:
        """Wait until a banner says so."""
        wait_until(lambda: part in self.banner(key))

    def wait_for_row(self, name: str, **figures: str) -> None:
        """Wait until these figures are shown of a queue, all at the same time."""
        wait_until(lambda: name in self.names and figures.items() <= self.row(name).items())

    # -- doing -------------------------------------------------------------------------------

    def click(self, selector: str) -> None:
        """Click on an element."""
        self.find(selector).click()

    def act(self, verb: str, queue: str) -> None:
        """Choose from the menu of a queue: Peek, Send, Policy, Move, Purge or Delete."""
        action = {"Delete": "remove"}.get(verb, verb.lower())
        item = f"#row-menu [data-action={action}]"
        wait_until(lambda: self._chooses(f"[aria-label='Actions of {queue}']", item))

    def _chooses(self, button: str, item: str) -> bool:
        """Choose from a menu, which gets its place a moment after it opens, and which a resize
        that comes late may close in between."""
        if not self.sees(item):
            self.click(button)
        try:
            self.click(item)
        except (ElementNotInteractableException, ElementClickInterceptedException):
            return False
        return True

    def type(self, selector: str, text: str) -> None:
        """Replace what stands in a field."""
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def send(self, queue: str, payload: str) -> None:
        """Send a message through the dialog, and leave it open."""
        self.click("#send-new")
        self.type("#send [name=queue]", queue)
        self.type("#send [name=payload]", payload)
        self.click("#send [type=submit]")

    def narrow(self, width: int) -> None:
        """Give the page a width in pixels, until it is closed."""
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, scheme: str) -> None:
        """Ask for light or dark, as the system's setting does."""
        self.emulate("prefers-color-scheme", scheme)

    def emulate(self, name: str, value: str) -> None:
        """Set what media queries ask for."""
        feature = {"name": name, "value": value}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
