"""The dashboard fits small windows and dark rooms, and is usable without a mouse."""

from __future__ import annotations

import pytest
from selenium.webdriver import Keys

from tests.contract.raw import Api
from tests.helpers import wait_until
from tests.ui.dashboard import Dashboard

LONGEST = "q" * 128


@pytest.fixture
def filled(dashboard: Dashboard, api: Api) -> Dashboard:
    """The dashboard with some queues, one of which has a name as long as can be."""
    for name in ("emails", "webhooks", LONGEST):
        api.enqueue(name, {"text": "a long one " * 50}, "x" * 500)
    wait_until(lambda: len(dashboard.rows) == 3)
    return dashboard


@pytest.mark.parametrize("width", [320, 400, 700, 1000, 1200, 1600])
def test_no_width_makes_it_scroll_sideways(filled: Dashboard, width: int) -> None:
    filled.narrow(width)
    wait_until(lambda: int(filled.run("return innerWidth")) == width)
    assert overflow(filled) <= 0
    for verb, dialog in (
        ("Peek", "#peek"),
        ("Policy", "#policy"),
        ("Delete", "#confirm"),
    ):
        filled.act(verb, LONGEST)
        wait_until(lambda dialog=dialog: filled.sees(dialog))  # type: ignore[misc]
        assert overflow(filled, dialog) <= 0
        filled.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
        wait_until(lambda dialog=dialog: not filled.sees(dialog))  # type: ignore[misc]


@pytest.mark.parametrize("width", [320, 1000, 3840])
def test_no_page_scrolls_sideways(filled: Dashboard, width: int) -> None:
    filled.narrow(width)
    for place in (f"#queues/{LONGEST}", "#queues/unknown", "#settings", ""):
        filled.browser.execute_script("location.hash = arguments[0]", place)
        if LONGEST in place:
            wait_until(lambda: drawn(filled))
        assert overflow(filled) <= 0, place


def test_charts_have_the_colours_that_the_system_chooses(filled: Dashboard) -> None:
    filled.emulate("forced-colors", "active")
    filled.browser.execute_script("location.hash = '#queues/emails'")
    wait_until(lambda: drawn(filled))
    probe = "const e = document.querySelector('#colour'); e.style.color = arguments[0];"
    read = f"{probe} return getComputedStyle(e).color"
    area, line = (
        filled.browser.execute_script(read, f"var({name})") for name in ("--in-area", "--in")
    )
    assert area == "rgba(0, 0, 0, 0)"
    assert line == filled.browser.execute_script(read, "CanvasText")


def drawn(dashboard: Dashboard) -> bool:
    """Whether the charts of a queue's page are there."""
    return bool(dashboard.run("return document.querySelectorAll('#plots canvas').length") == 6)


def overflow(dashboard: Dashboard, selector: str = "html") -> int:
    """By how many pixels something is wider than the place it has."""
    script = f"const e = document.querySelector('{selector}'); return e.scrollWidth - e.clientWidth"
    return int(dashboard.run(script))


def test_on_a_narrow_window_each_figure_says_what_it_is(filled: Dashboard) -> None:
    filled.narrow(400)
    label = "return getComputedStyle(document.querySelector('td[data-show=size]'), '::before')"
    wait_until(lambda: filled.run(f"{label}.content") == '"Messages"')


def test_it_is_dark_where_that_is_preferred(dashboard: Dashboard) -> None:
    dashboard.prefer("light")
    assert brightness(dashboard, "backgroundColor") - brightness(dashboard, "color") > 150
    dashboard.prefer("dark")
    assert brightness(dashboard, "color") - brightness(dashboard, "backgroundColor") > 150


def brightness(dashboard: Dashboard, part: str) -> float:
    """The mean of red, green and blue of a colour of the page."""
    colour = dashboard.run(f"return getComputedStyle(document.body).{part}")
    channels = [float(channel) for channel in colour.strip("rgb()").split(",")]
    return sum(channels) / len(channels)


def test_fill_bars_are_seen_where_the_system_chooses_the_colours(filled: Dashboard) -> None:
    filled.emulate("forced-colors", "active")
    bar = "getComputedStyle(document.querySelector('[role=meter] div')).backgroundColor"
    track = "getComputedStyle(document.querySelector('[role=meter]')).backgroundColor"
    page = "getComputedStyle(document.body).backgroundColor"
    colours = filled.run(f"return [{bar}, {track}, {page}]")
    assert colours[0] not in colours[1:]
    border = "return getComputedStyle(document.querySelector('[role=meter]')).borderTopWidth"
    assert filled.run(border) == "1px"


def test_a_keyboard_is_enough(filled: Dashboard, api: Api) -> None:
    filled.find("#search").send_keys("webhooks")
    filled.find("#create").send_keys(Keys.TAB, Keys.ENTER)  # on Send a message
    filled.browser.switch_to.active_element.send_keys("fresh", Keys.TAB, Keys.TAB, Keys.TAB)
    filled.browser.switch_to.active_element.send_keys(Keys.ENTER)  # on Send
    filled.wait_for_text("#send .result", "fresh now holds 1 message.")
    filled.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    wait_until(lambda: filled.names == ["webhooks"])
    filled.find("[aria-label='Actions of webhooks']").send_keys(Keys.ARROW_DOWN)
    wait_until(lambda: focused(filled) == "Peek")
    filled.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    wait_until(lambda: focused(filled) == "\N{MIDLINE HORIZONTAL ELLIPSIS}")
    filled.browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait_until(lambda: focused(filled) == "Peek")
    for key in (Keys.END, Keys.ARROW_UP, Keys.ENTER):  # on Purge
        filled.browser.switch_to.active_element.send_keys(key)
    filled.browser.switch_to.active_element.send_keys(Keys.TAB, Keys.ENTER)  # past Cancel
    filled.wait_for_text("#notice", "Purged 2 messages of webhooks.")


def focused(dashboard: Dashboard) -> str:
    """The text of the element that has the focus."""
    return dashboard.browser.switch_to.active_element.text


def test_everything_that_can_be_operated_has_a_name(filled: Dashboard) -> None:
    script = """
    return [...document.querySelectorAll("button, input, select, textarea, [role=meter]")]
      .filter((e) => !(e.ariaLabel || e.labels?.length || e.textContent.trim()))
      .map((e) => e.outerHTML)
    """
    # The buttons of these dialogs get their texts when they are opened.
    assert filled.run(script) == [
        '<button type="submit" class="main"></button>',
        '<button value="yes" class="main danger"></button>',
    ]


def test_the_browser_has_nothing_to_complain_about(filled: Dashboard) -> None:
    filled.complaints()  # drops what earlier tests have left
    filled.browser.refresh()
    filled.wait_for_state("healthy")
    wait_until(lambda: len(filled.rows) == 3)
    filled.act("Peek", "emails")
    filled.wait_for_text("#peek .result", "2 of 2")
    assert filled.complaints() == []
