"""What a person should know at once stands above the figures."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess
from tests.helpers import wait_until
from tests.ui.conftest import Start
from tests.ui.dashboard import Dashboard

#: The contrast of every text of the figures, as WCAG 2 counts it, on the colour below them.
_CONTRASTS = """
const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
const light = (colour) => parts(colour).slice(0, 3)
  .map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
const below = (e) => {
  const colour = getComputedStyle(e).backgroundColor;
  return (parts(colour)[3] ?? 1) > 0.5 || !e.parentElement ? colour : below(e.parentElement);
};
const opacity = (e) => e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1;
return [...document.querySelectorAll("#totals dd, #totals dt, tbody [data-show]")].map((e) => {
  const [one, other] = [light(getComputedStyle(e).color), light(below(e))];
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  return opacity(e) < 1 ? 0 : ratio;
});
"""


@pytest.fixture
def small(dashboard: Dashboard, api: Api) -> Dashboard:
    """The dashboard with a queue of ten messages, which has five."""
    api.put("/queues/small", {"capacity": 10})
    api.enqueue("small", *range(5))
    dashboard.wait_for_row("small", size="5")
    assert dashboard.run("return document.querySelectorAll('#banners li').length") == 0
    return dashboard


class TestQueues:
    def test_a_full_queue_is_told(self, small: Dashboard, api: Api) -> None:
        api.enqueue("small", *range(5))
        small.wait_for_banner("full", "small is full")
        small.wait_for_state("needs attention")
        api.drain("small")
        small.wait_for_state("healthy")
        assert small.banner("full") == ""

    def test_refusals_of_a_queue_are_told_even_after_it_has_room(
        self, small: Dashboard, api: Api
    ) -> None:
        for _ in range(3):
            assert api.post("/queues/small/enqueue", {"payloads": [0] * 9}).code == "queue_full"
        small.wait_for_banner("refusing", "small refuses messages. 3 enqueues")
        assert small.banner("refusals") == "", "a refusal is told once"

    def test_a_queue_that_drops_its_oldest_is_told_and_a_full_one_that_does_so_is_not(
        self, dashboard: Dashboard, api: Api
    ) -> None:
        api.put("/queues/metrics", {"capacity": 10, "overflow": "drop_oldest"})
        api.enqueue("metrics", *range(10))
        dashboard.wait_for_row("metrics", size="10")
        assert dashboard.text("#state") == "healthy"
        api.enqueue("metrics", *range(4))
        dashboard.wait_for_banner("dropping", "metrics drops its oldest messages. 4 messages")

    def test_a_queue_full_by_its_bytes_is_told(self, dashboard: Dashboard, api: Api) -> None:
        api.put("/queues/heavy", {"max_bytes": 2000})
        api.enqueue("heavy", "x" * 1860)
        dashboard.wait_for_banner("full", "heavy is full")


class TestServer:
    def test_refusals_are_told_by_their_reasons(self, dashboard: Dashboard, api: Api) -> None:
        wait_until(lambda: dashboard.total("connections") != "", timeout=20)
        for _ in range(2):
            assert api.post("/queues/emails/enqueue", b"{").code == "invalid_json"
        wait_until(lambda: "invalid_json 2" in dashboard.banner("refusals"), timeout=20)
        assert "2 requests refused in the last minute" in dashboard.banner("refusals")

    def test_memory_is_shown_with_its_limit_and_told_when_it_is_used_up(
        self, browser: Chrome, start_server: Start
    ) -> None:
        server = start_server(max_bytes=1 << 20, max_body_bytes=1 << 19)
        api = Api(server.address)
        with Dashboard(browser, server.url) as dashboard:
            dashboard.wait_for_text("#totals", "of 1 MiB")
            for _ in range(2):
                api.enqueue("big", "x" * 500_000)
            wait_until(lambda: "nearly used up" in dashboard.banner("memory"), timeout=20)
            refused = api.post("/queues/big/enqueue", {"payload": "x" * 500_000})
            assert refused.code == "memory_limit"
            wait_until(lambda: "limit is reached" in dashboard.banner("memory"), timeout=20)
            assert "1 enqueue refused" in dashboard.banner("memory")

    def test_draining_is_told(self, browser: Chrome, start_server: Start) -> None:
        server = start_server(drain_seconds=30)
        api = Api(server.address)
        api.enqueue("emails", 1, 2)
        with Dashboard(browser, server.url) as dashboard:
            dashboard.wait_for_row("emails", size="2")
            server.process.terminate()
            dashboard.wait_for_state("draining")
            assert "2 messages are left" in dashboard.banner("draining")
            server.process.kill()


@pytest.fixture
def lost(browser: Chrome, start_server: Start) -> Iterator[tuple[Dashboard, ServerProcess]]:
    """The dashboard of a server that has gone with 2,753 messages, and that server."""
    server = start_server()
    Api(server.address).enqueue("emails", *range(2753))
    with Dashboard(browser, server.url) as dashboard:
        dashboard.wait_for_row("emails", size="2,753")
        server.stop()
        dashboard.wait_for_state("connection lost")
        yield dashboard, server


class TestLostServer:
    def test_it_says_since_when_and_keeps_the_last_figures(
        self, lost: tuple[Dashboard, ServerProcess]
    ) -> None:
        dashboard, _ = lost
        time = r"(\d\d):(\d\d):(\d\d)"
        found = re.search(f"has not answered since {time}", dashboard.banner("gone"))
        assert found
        now = dashboard.run("const d = new Date(); return [d.getHours(), d.getMinutes()]")
        shown = int(found[1]) * 60 + int(found[2])
        assert (now[0] * 60 + now[1] - shown) % 1440 <= 2
        assert re.fullmatch(f"figures of {time}", dashboard.text("#about"))
        assert dashboard.row("emails")["size"] == "2,753"

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_old_figures_look_old_and_are_readable(
        self, lost: tuple[Dashboard, ServerProcess], scheme: str
    ) -> None:
        dashboard, _ = lost
        dashboard.prefer(scheme)
        assert min(dashboard.run(_CONTRASTS)) >= 4.5
        colour = "getComputedStyle(document.querySelector('#totals dd')).color"
        assert dashboard.run(f"return {colour} !== getComputedStyle(document.body).color")

    def test_a_restart_says_what_was_lost_until_that_is_dismissed(
        self, lost: tuple[Dashboard, ServerProcess], start_server: Start
    ) -> None:
        dashboard, server = lost
        start_server(port=server.port)
        dashboard.wait_for_state("healthy")
        dashboard.wait_for_banner("restarted", "lost 2,753 messages. 1 queue held them")
        assert dashboard.banner("gone") == ""
        assert dashboard.rows == []
        dashboard.click("#banners [data-key=restarted] button")
        later = "setTimeout(arguments[0], 600)"
        dashboard.browser.execute_async_script(later)
        assert dashboard.banner("restarted") == ""
