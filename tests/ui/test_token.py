"""The dashboard of a server that asks for a token."""

from __future__ import annotations

import pytest
from selenium.webdriver import Chrome, Keys

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.helpers import wait_until
from tests.ui.conftest import Start
from tests.ui.dashboard import Dashboard


@pytest.fixture
def server(start_server: Start) -> ServerProcess:
    return start_server(token="open-sesame")


@pytest.fixture
def api(server: ServerProcess) -> Api:
    return Api(server.address, authorization="Bearer open-sesame")


@pytest.fixture
def asking(dashboard: Dashboard) -> Dashboard:
    """The dashboard that asks for a token, for a message was to be sent."""
    dashboard.send("emails", "1")
    wait_until(lambda: dashboard.sees("#token"))
    return dashboard


def give(dashboard: Dashboard, token: str) -> None:
    """Type a token and press Enter."""
    dashboard.type("#token input", token)
    dashboard.find("#token input").send_keys(Keys.ENTER)


def test_the_figures_are_shown_without_one(dashboard: Dashboard, api: Api) -> None:
    api.enqueue("emails", 1)
    dashboard.wait_for_row("emails", size="1")
    assert not dashboard.sees("#token")


def test_what_was_asked_for_is_done_once_it_is_given(asking: Dashboard, api: Api) -> None:
    assert asking.find("#token input").get_attribute("type") == "password"
    give(asking, "open-sesame")
    asking.wait_for_text("#send .result", "emails now holds 1 message.")
    assert api.drain("emails") == [1]


def test_a_wrong_one_is_said_and_asked_for_again(asking: Dashboard, api: Api) -> None:
    give(asking, "open-barley")
    asking.wait_for_text("#token .problem", "does not know")
    assert api.get("/health").json()["total_queues"] == 0
    give(asking, "open-sesame")
    asking.wait_for_text("#send .result", "emails now holds 1 message.")


def test_without_one_the_refusal_is_shown(asking: Dashboard) -> None:
    asking.click("#token [data-close]")
    asking.wait_for_text("#send .problem", "asks for a token")


def test_it_is_kept_in_the_tab_until_it_is_forgotten(asking: Dashboard) -> None:
    give(asking, "open-sesame")
    asking.wait_for_text("#send .result", "holds 1 message.")
    asking.browser.refresh()
    asking.wait_for_state("healthy")
    asking.send("emails", "2")
    asking.wait_for_text("#send .result", "holds 2 messages.")
    asking.click("#send [data-close]")
    asking.click("#forget-token")
    assert not asking.sees("#forget-token")
    asking.send("emails", "3")
    wait_until(lambda: asking.sees("#token"))


def test_it_is_nowhere_but_in_the_tab(browser: Chrome, asking: Dashboard) -> None:
    give(asking, "open-sesame")
    asking.wait_for_text("#send .result", "holds 1 message.")
    assert asking.run("return [sessionStorage.length, localStorage.length, document.cookie]") == [
        1,
        0,
        "",
    ]
    assert "sesame" not in browser.current_url + browser.page_source
    assert asking.find("#token input").get_attribute("value") == ""
