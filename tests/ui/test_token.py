"""The dashboard of a server that asks for a token."""

from __future__ import annotations

import hashlib
from pathlib import Path

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
    """The dashboard that asks for a token, which it does at once: the figures need one."""
    wait_until(lambda: dashboard.sees("#token"))
    return dashboard


def give(dashboard: Dashboard, token: str) -> None:
    """Type a token and press Enter."""
    dashboard.type("#token input", token)
    dashboard.find("#token input").send_keys(Keys.ENTER)


def test_the_figures_are_shown_once_it_is_given(asking: Dashboard, api: Api) -> None:
    api.enqueue("emails", 1)
    assert asking.find("#token input").get_attribute("type") == "password"
    assert asking.rows == []
    give(asking, "open-sesame")
    asking.wait_for_row("emails", size="1")


def test_what_was_asked_for_is_done_once_it_is_given(asking: Dashboard, api: Api) -> None:
    asking.click("#token [data-close]")
    asking.send("emails", "1")
    wait_until(lambda: asking.sees("#token"))
    give(asking, "open-sesame")
    asking.wait_for_text("#send .result", "emails now holds 1 message.")
    assert api.drain("emails") == [1]


def test_a_wrong_one_is_said_and_asked_for_again(asking: Dashboard, api: Api) -> None:
    give(asking, "open-barley")
    asking.wait_for_text("#token .problem", "does not know")
    give(asking, "open-sesame")
    api.enqueue("emails", 1)
    asking.wait_for_row("emails", size="1")


def test_without_one_there_are_no_figures_and_it_is_not_asked_for_again(
    asking: Dashboard, api: Api
) -> None:
    asking.click("#token [data-close]")
    asking.wait_for_state("no figures")
    asking.wait_for_banner("untold", "asks for a token")
    api.enqueue("emails", 1)
    asking.browser.execute_async_script("setTimeout(arguments[0], 600)")  # three more looks
    assert not asking.sees("#token")
    assert asking.rows == []


def test_without_one_a_refusal_is_shown(asking: Dashboard) -> None:
    asking.click("#token [data-close]")
    asking.send("emails", "1")
    wait_until(lambda: asking.sees("#token"))
    asking.click("#token [data-close]")
    asking.wait_for_text("#send .problem", "asks for a token")


def test_it_is_kept_in_the_tab_until_it_is_forgotten(asking: Dashboard) -> None:
    give(asking, "open-sesame")
    asking.send("emails", "1")
    asking.wait_for_text("#send .result", "holds 1 message.")
    asking.browser.refresh()
    asking.wait_for_row("emails", size="1")
    asking.send("emails", "2")
    asking.wait_for_text("#send .result", "holds 2 messages.")
    asking.click("#send [data-close]")
    asking.click("#forget-token")
    assert not asking.sees("#forget-token")
    wait_until(lambda: asking.sees("#token"))


def test_it_is_nowhere_but_in_the_tab(browser: Chrome, asking: Dashboard) -> None:
    give(asking, "open-sesame")
    asking.send("emails", "1")
    asking.wait_for_text("#send .result", "holds 1 message.")
    assert asking.run("return [sessionStorage.length, localStorage.length, document.cookie]") == [
        1,
        0,
        "",
    ]
    assert "sesame" not in browser.current_url + browser.page_source
    assert asking.find("#token input").get_attribute("value") == ""


@pytest.mark.parametrize(
    ("link", "part"), [("metrics", "zoldyq_max_bytes"), ("health", '"total_queues": 0')]
)
def test_what_is_linked_is_shown_with_the_token(asking: Dashboard, link: str, part: str) -> None:
    give(asking, "open-sesame")
    asking.click(f"footer [href={link}]")
    asking.wait_for_text("#view pre", part)
    assert not asking.text("#view .problem")


def test_a_link_without_a_token_says_what_is_missing(asking: Dashboard) -> None:
    asking.click("#token [data-close]")
    asking.click("footer [href=metrics]")
    wait_until(lambda: asking.sees("#token"))
    asking.click("#token [data-close]")
    asking.wait_for_text("#view .problem", "asks for a token")


def test_a_token_for_some_queues_shows_these(
    browser: Chrome, start_server: Start, tmp_path: Path
) -> None:
    file = tmp_path / "tokens.toml"
    digest = hashlib.sha256(b"some").hexdigest()
    file.write_text(
        f'[[token]]\nname = "some"\nsha256 = "{digest}"\n'
        'rights = ["observe"]\nqueues = ["mail.*"]\n'
    )
    server = start_server(tokens_file=file, token="open-sesame")
    Api(server.address, authorization="Bearer open-sesame").enqueue("mail.in", 1, 2)
    Api(server.address, authorization="Bearer open-sesame").enqueue("secret", 1)
    with Dashboard(browser, server.url) as dashboard:
        wait_until(lambda: dashboard.sees("#token"))
        give(dashboard, "some")
        dashboard.wait_for_row("mail.in", size="2")
        assert dashboard.names == ["mail.in"]
        assert not dashboard.banner("untold"), "limits are left out, and nothing else"
        dashboard.browser.execute_script("location.hash = '#queues/secret'")
        dashboard.wait_for_text("#clients", "lacks the right")
        assert dashboard.sees("#unknown")
        assert not dashboard.banner("untold")
        dashboard.browser.execute_script("location.hash = ''")
        dashboard.send("mail.in", "3")
        dashboard.wait_for_text("#send .problem", "lacks the right")
