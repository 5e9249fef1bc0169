"""A real browser, and the dashboard of a server that no other test uses."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess, start
from tests.ui.dashboard import Dashboard

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Start = Callable[..., ServerProcess]


@contextmanager
def chromium(profile: Path, *flags: str) -> Iterator[Chrome]:
    """Headless Chromium with a profile of its own."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, f"--user-data-dir={profile}", *flags):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with Chrome(options, ChromeService(driver)) as chrome:
        chrome.set_page_load_timeout(20)
        chrome.set_script_timeout(20)
        yield chrome


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Headless Chromium, the same for all tests of the run."""
    with chromium(tmp_path_factory.mktemp("chromium")) as chrome:
        yield chrome


@pytest.fixture
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start servers that end with the test: ``start_server(**settings)``."""
    started: list[ServerProcess] = []

    def begin(**settings: object) -> ServerProcess:
        folder: Path = tmp_path_factory.mktemp("server")
        started.append(start("native", folder, **{"drain_seconds": 0, **settings}))
        return started[-1]

    yield begin
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that end none: to start one takes longer than most of them."""
    server = start("native", tmp_path_factory.mktemp("server"), drain_seconds=0)
    yield server
    server.stop()


@pytest.fixture
def server(_shared: ServerProcess) -> ServerProcess:
    """A server with nothing in it."""
    api = Api(_shared.address)
    for name in api.get("/queues").json()["queues"]:
        api.delete(f"/queues/{name}")
    return _shared


@pytest.fixture
def api(server: ServerProcess) -> Api:
    """What its other clients do."""
    return Api(server.address)


@pytest.fixture
def dashboard(browser: Chrome, server: ServerProcess) -> Iterator[Dashboard]:
    """Its dashboard, opened."""
    with Dashboard(browser, server.url) as opened:
        yield opened
