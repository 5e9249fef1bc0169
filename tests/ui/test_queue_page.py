"""The page of a queue: an address that can be shared, its past, who waits, and what can be done."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.helpers import Task, wait_until
from tests.ui.dashboard import Dashboard

#: What is saved of three messages, as it was sent.
ANNS = '{"to": "Ann"}\n{"to": "ann"}\n'


@pytest.fixture
def page(browser: Chrome, server: ServerProcess, api: Api) -> Iterator[Dashboard]:
    """The page of a queue with ten messages, opened by its address."""
    api.put("/queues/mail.in", {"capacity": 100, "ttl_seconds": 3600})
    api.enqueue("mail.in", *range(10))
    with Dashboard(browser, server.url, "#queues/mail.in") as opened:
        wait_until(lambda: opened.text("#queue-page [data-show=size]") == "10")
        yield opened


def test_it_is_reached_from_the_list_and_left_by_the_way_back(
    dashboard: Dashboard, api: Api
) -> None:
    api.enqueue("emails", 1)
    dashboard.wait_for_row("emails")
    dashboard.click("#overview a[data-show=name]")
    wait_until(lambda: dashboard.sees("#queue-page"))
    assert dashboard.text("#queue-page h2") == "emails"
    assert dashboard.run("return location.hash") == "#queues/emails"
    assert dashboard.run("return document.title") == "emails \N{EN DASH} ZoldyQ"
    dashboard.browser.back()
    wait_until(lambda: dashboard.sees("#overview") and not dashboard.sees("#queue-page"))


def test_figures_policy_and_counters_are_shown(page: Dashboard, api: Api) -> None:
    assert page.text("#queue-page [data-show=capacity]") == "of 100"
    assert "Lifetime of a message\n1 h" in page.text("#policy-lines")
    api.get("/queues/mail.in/dequeue?count=4")
    wait_until(lambda: page.text("#queue-page [data-show=dequeued]") == "4")
    assert page.text("#queue-page [data-show=size]") == "6"


def test_the_charts_show_what_the_server_has_kept(page: Dashboard) -> None:
    labels = "return [...document.querySelectorAll('[data-plot]')].map((e) => e.ariaLabel)"
    wait_until(lambda: page.run(labels)[0] == "Messages: queued 10, at the most 10")
    assert len(page.run(labels)) == 6
    drawn = "return [...document.querySelectorAll('[data-plot] canvas')].every((c) => c.width > 99)"
    assert page.run(drawn)
    ink = """
    const canvas = document.querySelector("[data-plot] canvas");
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return data.some((value) => value > 0);
    """
    wait_until(lambda: page.run(ink))


def test_a_consumer_that_waits_is_shown_with_its_address(
    browser: Chrome, server: ServerProcess, api: Api
) -> None:
    consumer = Task(lambda: api.get("/queues/jobs/dequeue?timeout=20").status)
    wait_until(lambda: api.get("/queues/jobs/clients").json()["total_clients"] == 1)
    with Dashboard(browser, server.url, "#queues/jobs") as page:
        page.wait_for_text("#clients", "1 client.")
        assert "waits for a message 127.0.0.1:" in page.text("#clients tbody")
        assert "There is no queue of this name" in page.text("#unknown")
        page.click("#queue-page [data-action=send]")
        page.click("#send [type=submit]")
        page.wait_for_text("#send .result", "jobs now holds 0 messages.")
        assert consumer.result() == 200


def test_it_is_purged_and_deleted_from_there(page: Dashboard, api: Api) -> None:
    page.click("#queue-page [data-action=purge]")
    page.click("#confirm [value=yes]")
    wait_until(lambda: page.text("#queue-page [data-show=size]") == "0")
    page.click("#queue-page [data-action=remove]")
    page.click("#confirm [value=yes]")
    wait_until(lambda: page.sees("#unknown"))
    assert not page.find("#queue-page [data-action=peek]").is_enabled()
    assert api.stats("mail.in") == {}


def test_the_lines_to_copy_name_the_server_and_the_queue(
    page: Dashboard, server: ServerProcess
) -> None:
    assert f"{server.url}/queues/mail.in/enqueue" in page.text("#curl-lines")
    python = page.text("#python-lines")
    scope: dict[str, object] = {}
    exec(compile(python, "lines", "exec"), scope)
    assert scope["message"] is not None


def test_the_settings_that_hold_are_shown(dashboard: Dashboard) -> None:
    dashboard.click("footer [href='#settings']")
    dashboard.wait_for_text("#settings-page tbody", "drain_seconds")
    dashboard.click("#settings-page [name=changed]")
    wait_until(lambda: "max_queues" not in dashboard.text("#settings-page tbody"))
    assert "drain_seconds 0 5" in dashboard.text("#settings-page tbody")


def test_messages_are_searched_and_saved(dashboard: Dashboard, api: Api) -> None:
    api.enqueue("emails", {"to": "Ann"}, {"to": "Bob"}, {"to": "ann"})
    dashboard.wait_for_row("emails")
    dashboard.act("Peek", "emails")
    dashboard.wait_for_text("#peek .result", "3 of 3")
    dashboard.run(
        "window.saved = []; URL.createObjectURL = (blob) => (blob.text().then((text) =>"
        "window.saved.push(text)), '#')"
    )
    dashboard.type("#peek [name=search]", "ANN")
    dashboard.wait_for_text("#peek [data-found]", "2 of these 3")
    dashboard.click("#peek [name=download]")
    wait_until(lambda: dashboard.run("return window.saved") == [ANNS])
    dashboard.click("#peek li:not([hidden]) [data-download]")
    wait_until(lambda: dashboard.run("return window.saved.length") == 2)
    assert dashboard.run("return window.saved[1]") == '{"to": "Ann"}'
