"""The policy of a queue is seen, set and changed in the dashboard."""

from __future__ import annotations

import pytest
from selenium.webdriver.support.select import Select

from tests.contract.raw import Api
from tests.helpers import wait_until
from tests.ui.dashboard import Dashboard

NAMES = ("capacity", "max_bytes", "ttl_seconds", "overflow", "idle_seconds")


def policy(api: Api, name: str) -> list[object]:
    """The policy of a queue as the server holds it."""
    document = api.get(f"/queues/{name}").json()
    return [document[each] for each in NAMES]


def open_policy(dashboard: Dashboard, name: str) -> None:
    """Open the form of a queue that is shown."""
    dashboard.wait_for_row(name)
    dashboard.act("Policy", name)


def test_a_queue_is_created_with_a_policy(dashboard: Dashboard, api: Api) -> None:
    dashboard.click("#create")
    for field, typed in (
        ("name", "metrics"),
        ("capacity", "500"),
        ("max_bytes", "1.5 MiB"),
        ("ttl_seconds", "2 min"),
    ):
        dashboard.type(f"#policy [name={field}]", typed)
    Select(dashboard.find("#policy [name=overflow]")).select_by_value("drop_oldest")
    dashboard.click("#policy [type=submit]")
    dashboard.wait_for_text("#policy .result", "metrics is created.")
    assert policy(api, "metrics") == [500, 1_572_864, 120, "drop_oldest", None]
    dashboard.wait_for_row("metrics", policy="lives 2 min, drops oldest, up to 1536 KiB")
    dashboard.type("#policy [name=capacity]", "501")
    dashboard.click("#policy [type=submit]")
    dashboard.wait_for_text("#policy .problem", "exists with another policy")
    assert policy(api, "metrics")[0] == 500


def test_a_change_is_confirmed_and_then_done(dashboard: Dashboard, api: Api) -> None:
    api.put("/queues/emails", {"capacity": 100, "ttl_seconds": 90})
    api.enqueue("emails", *range(10))
    open_policy(dashboard, "emails")
    assert dashboard.find("#policy [name=ttl_seconds]").get_attribute("value") == "90 s"
    dashboard.type("#policy [name=capacity]", "4")
    dashboard.find("#policy [name=ttl_seconds]").clear()
    Select(dashboard.find("#policy [name=overflow]")).select_by_value("drop_oldest")
    dashboard.click("#policy [type=submit]")
    wait_until(lambda: dashboard.sees("#confirm"))
    question = dashboard.text("#confirm-text")
    assert "Messages at the most: 4, before: 100." in question
    assert "Lifetime of a message: no bound, before: 90 s." in question
    assert "oldest messages are dropped at once" in question
    dashboard.click("#confirm [value=yes]")
    dashboard.wait_for_text("#policy .result", "is changed")
    assert policy(api, "emails") == [4, None, None, "drop_oldest", None]
    dashboard.wait_for_row("emails", size="4", dropped="6", policy="drops oldest")


def test_nothing_is_changed_without_a_yes(dashboard: Dashboard, api: Api) -> None:
    api.put("/queues/emails", {"capacity": 100})
    open_policy(dashboard, "emails")
    dashboard.click("#policy [type=submit]")
    dashboard.wait_for_text("#policy .result", "Nothing is changed.")
    dashboard.type("#policy [name=capacity]", "4")
    dashboard.click("#policy [type=submit]")
    wait_until(lambda: dashboard.sees("#confirm"))
    dashboard.click("#confirm [data-close]")
    assert policy(api, "emails")[0] == 100


@pytest.mark.parametrize(
    ("field", "typed", "problem"),
    [("ttl_seconds", "soon", "is no number"), ("max_bytes", "5", "max_bytes must be")],
)
def test_a_wrong_value_is_told_and_changes_nothing(
    dashboard: Dashboard, api: Api, field: str, typed: str, problem: str
) -> None:
    api.put("/queues/emails", {"capacity": 100})
    open_policy(dashboard, "emails")
    dashboard.type(f"#policy [name={field}]", typed)
    dashboard.click("#policy [type=submit]")
    if field == "max_bytes":
        wait_until(lambda: dashboard.sees("#confirm"))
        dashboard.click("#confirm [value=yes]")
    dashboard.wait_for_text("#policy .problem", problem[1:])
    assert policy(api, "emails") == [100, None, None, "reject", None]


def test_what_expired_and_what_was_dropped_is_counted(dashboard: Dashboard, api: Api) -> None:
    api.put("/queues/metrics", {"capacity": 2, "overflow": "drop_oldest"})
    api.enqueue("metrics", 1, 2)
    api.enqueue("metrics", 3)
    api.post("/queues/short/enqueue?ttl=0.01", {"payload": 1})
    dashboard.wait_for_row("metrics", dropped="1", expired="0")
    dashboard.wait_for_row("short", dropped="0", expired="1", size="0")
    wait_until(lambda: dashboard.total("expired") == "1")
    assert dashboard.total("dropped") == "1"
