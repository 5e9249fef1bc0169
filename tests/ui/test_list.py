"""Finding one's way among a hundred queues."""

from __future__ import annotations

import pytest
from selenium.webdriver import Chrome, Keys

from tests.contract.raw import Api
from tests.helpers import wait_until
from tests.ui.conftest import Start
from tests.ui.dashboard import Dashboard


@pytest.fixture
def hundred(dashboard: Dashboard, api: Api) -> Dashboard:
    """The dashboard with queue-0 of one message up to queue-99 of a hundred."""
    for number in range(100):
        api.enqueue(f"queue-{number}", *range(number + 1))
    wait_until(lambda: len(dashboard.rows) == 100)
    return dashboard


def test_they_are_ordered_by_name_with_numbers_as_people_count(hundred: Dashboard) -> None:
    assert hundred.names == [f"queue-{number}" for number in range(100)]
    assert hundred.text("#count") == "100 queues"


def test_a_search_leaves_those_with_the_text_in_their_name(hundred: Dashboard) -> None:
    hundred.type("#search", "QUEUE-7")
    assert hundred.names == ["queue-7", *(f"queue-{number}" for number in range(70, 80))]
    assert hundred.text("#count") == "11 of 100 queues"
    hundred.type("#search", "nothing")
    assert "No queue" in hundred.text("#no-match")
    assert not hundred.sees("table")
    hundred.type("#search", Keys.BACKSPACE)
    hundred.find("#search").clear()
    wait_until(lambda: len(hundred.rows) == 100)


def test_a_heading_sorts_by_its_figures_and_turns_the_order(hundred: Dashboard, api: Api) -> None:
    hundred.click("[data-sort=size] button")
    assert hundred.names[:2] == ["queue-99", "queue-98"]
    assert hundred.find("[data-sort=size]").get_attribute("aria-sort") == "descending"
    hundred.click("[data-sort=size] button")
    assert hundred.names[:2] == ["queue-0", "queue-1"]
    assert hundred.find("[data-sort=size]").get_attribute("aria-sort") == "ascending"
    assert hundred.find("[data-sort=name]").get_attribute("aria-sort") is None
    api.drain("queue-50")
    wait_until(lambda: hundred.names[0] == "queue-50")


def test_the_order_holds_while_the_keyboard_is_among_the_rows(hundred: Dashboard, api: Api) -> None:
    hundred.click("[data-sort=size] button")
    hundred.find("[data-sort=age] button").send_keys(Keys.TAB)
    hundred.browser.switch_to.active_element.send_keys(Keys.TAB)  # past the name
    assert focused(hundred) == "Actions of queue-99"
    api.drain("queue-99")
    hundred.wait_for_row("queue-99", size="0")
    assert hundred.names[0] == "queue-99"
    assert focused(hundred) == "Actions of queue-99"


def test_more_queues_than_anybody_reads_are_cut_and_found_by_search(
    browser: Chrome, start_server: Start
) -> None:
    server = start_server(max_queues=300)
    for number in range(100, 310):
        Api(server.address).enqueue(f"queue-{number}", 1)
    with Dashboard(browser, server.url) as dashboard:
        wait_until(lambda: len(dashboard.rows) == 200)
        assert dashboard.total("queues") == "210"
        assert "first 200" in dashboard.text("#count")
        dashboard.type("#search", "queue-309")
        assert dashboard.names == ["queue-309"]


def test_queues_in_trouble_come_first_and_can_be_shown_alone(
    dashboard: Dashboard, api: Api
) -> None:
    api.put("/queues/small", {"capacity": 1})
    for name in ("archive", "emails", "small"):
        api.enqueue(name, 1)
    wait_until(lambda: dashboard.names == ["small", "archive", "emails"])
    choose = "const s = document.querySelector('#trouble'); s.value = arguments[0];"
    choose += "s.dispatchEvent(new Event('change'))"
    dashboard.browser.execute_script(choose, "only")
    assert dashboard.names == ["small"]
    assert dashboard.text("#count") == "1 of 3 queues"
    dashboard.browser.execute_script(choose, "")
    assert dashboard.names == ["archive", "emails", "small"]


def focused(dashboard: Dashboard) -> str | None:
    """The label of the element that has the focus."""
    return dashboard.browser.switch_to.active_element.get_attribute("aria-label")
