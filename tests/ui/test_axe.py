"""axe finds no barrier in any state of the dashboard, in light and in dark."""

from __future__ import annotations

from typing import Any

import pytest
from axe_core_python.selenium import Axe
from selenium.webdriver import Chrome, Keys

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.helpers import Task, wait_until
from tests.ui.conftest import Start
from tests.ui.dashboard import Dashboard

#: In the dark nothing but colours is another.
RULES: dict[str, Any] = {
    "light": {},
    "dark": {"runOnly": {"type": "rule", "values": ["color-contrast"]}},
}


def findings(page: Dashboard, scheme: str = "light") -> list[str]:
    """What axe has found, a line each."""
    results: dict[str, Any] = Axe().run(page.browser, options=RULES[scheme])
    return [
        f"{found['id']}: {node['html'][:120]} {node['failureSummary']}"
        for found in results["violations"]
        for node in found["nodes"]
    ]


@pytest.fixture
def busy(dashboard: Dashboard, api: Api) -> Dashboard:
    """The dashboard with banners and queues in trouble."""
    api.put("/queues/small", {"capacity": 1})
    api.enqueue("small", 1)
    api.put("/queues/metrics", {"capacity": 2, "overflow": "drop_oldest", "ttl_seconds": 60})
    dashboard.wait_for_row("metrics")
    api.post("/queues/small/enqueue", {"payload": 2})
    api.enqueue("metrics", 1, 2)
    api.enqueue("metrics", {"text": "a \u202e control"})
    dashboard.wait_for_banner("refusing", "small")
    dashboard.wait_for_banner("dropping", "metrics")
    return dashboard


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_list_and_its_dialogs(busy: Dashboard, scheme: str) -> None:
    busy.prefer(scheme)
    assert findings(busy, scheme) == []
    busy.click("[aria-label='Actions of metrics']")
    assert findings(busy, scheme) == []
    busy.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    for verb, dialog in (
        ("Peek", "#peek"),
        ("Send", "#send"),
        ("Policy", "#policy"),
        ("Move", "#move"),
        ("Purge", "#confirm"),
    ):
        busy.act(verb, "metrics")
        wait_until(lambda dialog=dialog: busy.sees(dialog))  # type: ignore[misc]
        if verb == "Peek":
            busy.wait_for_text("#peek .result", "2 of 2")
        assert findings(busy, scheme) == [], verb
        busy.click(f"{dialog} [data-close]")
    busy.type("#search", "nothing has this name")
    assert findings(busy, scheme) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_queue_and_the_settings(busy: Dashboard, api: Api, scheme: str) -> None:
    busy.prefer(scheme)
    consumer = Task(lambda: api.get("/queues/jobs/dequeue?timeout=20").status)
    wait_until(lambda: api.get("/queues/jobs/clients").json()["total_clients"] == 1)
    for place, seen in (
        ("#queues/metrics", "#plots canvas"),
        ("#queues/jobs", "#clients tbody tr"),
        ("#settings", "#settings-page tbody tr"),
    ):
        busy.browser.execute_script("location.hash = arguments[0]", place)
        found = f"return document.querySelectorAll(`{seen}`).length"
        wait_until(lambda found=found: busy.run(found) > 0)  # type: ignore[misc]
        assert findings(busy, scheme) == [], place
    api.enqueue("jobs", 1)
    consumer.result()


def test_a_server_that_has_gone_one_without_queues_and_one_that_asks_for_a_token(
    browser: Chrome, start_server: Start
) -> None:
    server: ServerProcess = start_server(token="open-sesame")
    with Dashboard(browser, server.url) as page:
        wait_until(lambda: page.sees("#token"))
        assert findings(page) == []
        page.type("#token input", "open-sesame")
        page.find("#token input").send_keys(Keys.ENTER)
        wait_until(lambda: page.sees("#empty"))
        assert findings(page) == []
        server.stop()
        page.wait_for_state("connection lost")
        assert findings(page) == []
