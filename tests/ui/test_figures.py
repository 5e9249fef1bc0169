"""What the dashboard shows follows what happens on the server."""

from __future__ import annotations

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.helpers import Task, wait_until
from tests.ui.dashboard import Dashboard


def test_without_queues_it_says_how_to_begin(dashboard: Dashboard, server: ServerProcess) -> None:
    assert dashboard.total("queues") == "0"
    assert f"{server.url}/queues/emails/enqueue" in dashboard.text("#empty")
    assert not dashboard.sees("table")


def test_the_figures_of_a_queue_follow_its_traffic(dashboard: Dashboard, api: Api) -> None:
    api.put("/queues/emails", {"capacity": 10})
    api.enqueue("emails", *range(7))
    dashboard.wait_for_row("emails", size="7", fill="70 % of 10", full="0")
    assert dashboard.row("emails")["age"].endswith(" s")
    api.get("/queues/emails/dequeue?count=3")
    dashboard.wait_for_row("emails", size="4", fill="40 % of 10")
    assert api.post("/queues/emails/enqueue", {"payloads": [0] * 9}).code == "queue_full"
    dashboard.wait_for_row("emails", full="1")
    api.drain("emails")
    dashboard.wait_for_row("emails", size="0", fill="0 % of 10", age="\N{EN DASH}")
    consumer = Task(lambda: api.get("/queues/emails/dequeue?timeout=20").status)
    dashboard.wait_for_row("emails", waiting="1")
    api.enqueue("emails", "at last")
    assert consumer.result() == 200
    dashboard.wait_for_row("emails", waiting="0")
    api.delete("/queues/emails")
    wait_until(lambda: dashboard.rows == [])


def test_the_totals_are_those_of_all_queues(dashboard: Dashboard, api: Api) -> None:
    api.put("/queues/small", {"capacity": 1})
    api.enqueue("small", 1)
    api.enqueue("large", *range(1499))
    assert api.post("/queues/small/enqueue", {"payload": 2}).code == "queue_full"
    wait_until(lambda: dashboard.total("size") == "1,500")
    assert dashboard.total("queues") == "2"
    assert dashboard.total("full") == "1"
    assert dashboard.total("bytes").endswith("KiB")


def test_rates_are_shown_while_messages_flow_and_end_with_them(
    dashboard: Dashboard, api: Api
) -> None:
    def flows() -> bool:
        api.enqueue("emails", *range(50))
        api.get("/queues/emails/dequeue?count=20")
        row = dashboard.row("emails")
        total = {side: dashboard.total(side) for side in ("in", "out")}
        return bool(row) and all(
            number(each["in"]) > number(each["out"]) > 0 for each in (row, total)
        )

    wait_until(flows)
    dashboard.wait_for_row("emails", **{"in": "0", "out": "0"})
    wait_until(lambda: dashboard.total("in") == dashboard.total("out") == "0")
    for chart in ("#totals .incoming", "tbody .incoming", "#totals .outgoing", "tbody .outgoing"):
        assert len(chart_heights(dashboard, chart)) > 1, "the line is not flat"


def number(text: str) -> float:
    """The number that a figure shows."""
    return float(text.replace(",", ""))


def chart_heights(dashboard: Dashboard, selector: str) -> set[str]:
    """The heights that a line of a chart goes through."""
    path = dashboard.find(selector).get_attribute("d") or ""
    return {point.split(",")[1] for point in path.removeprefix("M").split("L")}


def test_nothing_is_asked_for_while_nobody_looks(dashboard: Dashboard, api: Api) -> None:
    dashboard.browser.minimize_window()
    wait_until(lambda: bool(dashboard.run("return document.hidden")))
    api.enqueue("emails", 1)
    asked = health_requests(dashboard)
    later = uptime(api) + 0.6  # time for three more questions
    wait_until(lambda: uptime(api) > later)
    # One may have been under way when the window went out of sight.
    assert health_requests(dashboard) <= asked + 1
    dashboard.browser.set_window_rect(0, 0, 1200, 900)
    dashboard.wait_for_row("emails", size="1")


def uptime(api: Api) -> float:
    """For how many seconds the server has run."""
    return float(api.get("/health").json()["uptime_seconds"])


def health_requests(dashboard: Dashboard) -> int:
    """How often the page has asked for the figures."""
    script = (
        "return performance.getEntriesByType('resource')"
        ".filter(({name}) => name.endsWith('/health')).length"
    )
    return int(dashboard.run(script))
