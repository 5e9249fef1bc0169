"""Makes the pictures of contrib/docs/dashboard.md again: ``python -m tests.ui.pictures``.

A server is filled with what an evening at a shop might hold, and Chromium takes pictures of its
dashboard in ten states. It takes about two minutes, as charts need some samples.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from selenium.webdriver import Chrome

from tests.contract.raw import Api
from tests.contract.servers import ROOT, ServerProcess, start
from tests.helpers import wait_until
from tests.ui.conftest import chromium
from tests.ui.dashboard import Dashboard

FOLDER = ROOT / "contrib" / "docs" / "pictures"
WIDE, NARROW = (1280, 800), (360, 740)

#: How long messages flow before the first picture, in seconds.
_FLOW = 60.0

ORDER = (
    '{"order": 4711, "customer": "Zo\u00eb", "lines": [{"sku": "A-1", "price": 19.90}], '
    '"note": "leave it \u202eat the door"}'
)


def main() -> None:
    """Take all pictures."""
    FOLDER.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = start("native", folder, drain_seconds=60, max_bytes=64 << 20, max_queues=50)
        stack.callback(server.kill)
        browser = stack.enter_context(chromium(folder / "profile"))
        with Dashboard(browser, server.url) as page:
            with traffic(server):
                time.sleep(float(sys.argv[1]) if len(sys.argv) > 1 else _FLOW)
                take_all(page)
            server.kill()
            page.wait_for_state("connection lost")
            save(page, "server-gone", "light")


@contextmanager
def traffic(server: ServerProcess) -> Iterator[None]:
    """Fill queues and keep messages flowing."""
    api, over = Api(server.address), threading.Event()
    api.put("/queues/emails.welcome", {"capacity": 500, "overflow": "reject"})
    api.put("/queues/metrics.cpu", {"capacity": 200, "overflow": "drop_oldest"})
    api.put("/queues/sessions", {"ttl_seconds": 4})
    for name in ("invoices", "reports.daily", "thumbnails", "webhooks"):
        api.enqueue(name, *[{"number": number} for number in range(len(name) * 3)])
    api.enqueue("emails.welcome", *[{"to": f"user{n}@example.com"} for n in range(480)])
    for _ in range(3):
        api.post("/queues/support.tickets/enqueue", f'{{"payload":{ORDER}}}'.encode())

    def flow() -> None:
        turn = 0
        while not over.wait(0.1):
            turn += 1
            api.enqueue("orders", *[{"order": turn, "line": n} for n in range(6 + turn // 15 % 5)])
            api.get(f"/queues/orders/dequeue?count={3 + turn // 25 % 9}")
            api.enqueue("metrics.cpu", *[turn + n for n in range(9)])
            api.enqueue("sessions", *[{"user": n} for n in range(3)])
            if turn % 10 == 0:
                api.post("/queues/emails.welcome/enqueue", {"payloads": [0] * 30})

    def wait() -> None:
        while not over.is_set():
            api.get("/queues/jobs/dequeue?timeout=5")

    threads = [threading.Thread(target=each) for each in (flow, wait, wait)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def take_all(page: Dashboard) -> None:
    """Take the pictures, one after another."""
    page.wait_for_row("orders")
    save(page, "overview", "light")
    save(page, "overview-dark", "dark")
    save(page, "overview-narrow", "light", NARROW)
    go(page, "#queues/orders")
    wait_until(lambda: "wait" in page.text("#clients") or page.text("#clients") != "")
    time.sleep(1)
    save(page, "queue", "light", (1100, 1170))
    save(page, "queue-dark", "dark", (1100, 1170))
    go(page, "#queues/jobs")
    time.sleep(2)
    save(page, "queue-waiting", "light", (1280, 800))
    go(page, "")
    page.act("Peek", "support.tickets")
    page.wait_for_text("#peek .result", " of ")
    save(page, "messages", "light")
    page.find("#peek [data-close]").click()
    page.act("Policy", "emails.welcome")
    save(page, "policy", "light")
    page.find("#policy [data-close]").click()
    page.act("Purge", "invoices")
    save(page, "confirm", "dark")
    page.find("#confirm [data-close]").click()
    go(page, "#settings")
    page.wait_for_text("#settings-page tbody", "max_queues")
    save(page, "settings", "light", (1280, 640))
    go(page, "")


def go(page: Dashboard, place: str) -> None:
    """Follow a link within the page."""
    page.browser.execute_script("location.hash = arguments[0]", place)


def save(page: Dashboard, name: str, scheme: str, size: tuple[int, int] = WIDE) -> None:
    """Write one picture."""
    browser: Chrome = page.browser
    page.prefer(scheme)
    metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    time.sleep(1.2)  # a look at the figures, and the charts get their size
    file = FOLDER / f"{name}.png"
    browser.save_screenshot(str(file))
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
