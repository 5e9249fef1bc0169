"""Which web pages may use the server: by their origin, and by the name they use for it."""

from __future__ import annotations

import pytest

from zoldyq.contract.errors import ForbiddenHost, ForbiddenOrigin
from zoldyq.server.api.pages import Pages
from zoldyq.server.api.router import ROUTER

QUEUE = "/queues/a/dequeue"
APP = "https://app.example"


def check(pages: Pages, path: str = QUEUE, host: str | None = "localhost", **headers: str) -> None:
    """Ask for a path with some headers, given as ``sec_fetch_site`` for Sec-Fetch-Site."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    if host is not None:
        named["host"] = host
    pages.check(ROUTER.find("GET", path), named.get)


class TestOrigins:
    @pytest.mark.parametrize(
        ("origin", "host"),
        [
            ("http://localhost:9000", "localhost:9000"),
            ("http://localhost", "localhost"),
            ("http://localhost", "localhost:80"),
            ("https://queue.example", "queue.example:443"),
            ("https://queue.example:443", "queue.example"),
            ("https://queue.example", "Queue.Example"),
            ("http://[::1]:9000", "[::1]:9000"),
        ],
    )
    def test_the_servers_own_pages_come_in(self, origin: str, host: str) -> None:
        check(Pages(hosts=["queue.example"]), origin=origin, host=host)

    @pytest.mark.parametrize(
        "origin",
        [
            "http://evil.example",
            "http://localhost",
            "http://localhost:9001",
            "https://localhost:9000.evil.example",
            "null",
            "",
            "localhost:9000",
            "file://localhost:9000",
            "http://evil.example, http://localhost:9000",
        ],
    )
    def test_foreign_pages_are_kept_out(self, origin: str) -> None:
        with pytest.raises(ForbiddenOrigin):
            check(Pages(origins=[APP]), origin=origin, host="localhost:9000")

    def test_a_page_is_foreign_if_no_host_says_otherwise(self) -> None:
        with pytest.raises(ForbiddenOrigin):
            check(Pages(), host=None, origin="http://localhost:9000")

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_pages_are_kept_out_that_the_browser_calls_foreign(self, site: str) -> None:
        with pytest.raises(ForbiddenOrigin):
            check(Pages(), sec_fetch_site=site)

    @pytest.mark.parametrize("path", ["/", "/ui/app.js"])
    def test_any_page_may_link_to_the_dashboard(self, path: str) -> None:
        check(Pages(), path, sec_fetch_site="cross-site")

    @pytest.mark.parametrize("site", ["same-origin", "none"])
    def test_other_values_of_it_do_not_matter(self, site: str) -> None:
        check(Pages(), sec_fetch_site=site)

    def test_an_allowed_page_comes_in_though_it_is_cross_site(self) -> None:
        check(Pages(origins=[APP]), origin=APP, sec_fetch_site="cross-site")


class TestHeaders:
    def test_an_allowed_page_may_read_the_reply(self) -> None:
        headers = dict(Pages(origins=[APP]).cors_headers(APP))
        assert headers == {
            "Access-Control-Allow-Origin": APP,
            "Vary": "Origin",
            "Access-Control-Expose-Headers": "Retry-After",
        }

    def test_a_preflight_is_told_what_may_be_sent(self) -> None:
        headers = dict(Pages(origins=[APP]).cors_headers(APP, preflight=True))
        assert headers["Access-Control-Allow-Origin"] == APP
        assert headers["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD, PATCH, POST, PUT"
        assert "Authorization" in headers["Access-Control-Allow-Headers"]
        assert int(headers["Access-Control-Max-Age"]) > 0

    @pytest.mark.parametrize("origin", [None, "http://evil.example", "http://localhost:9000"])
    def test_others_are_told_nothing(self, origin: str | None) -> None:
        assert Pages(origins=[APP]).cors_headers(origin) == ()


#: What browsers send: to the page's own host, to others, and where the name is no secure context.
BROWSERS: list[dict[str, str]] = [
    {"sec_fetch_site": "same-origin", "sec_fetch_mode": "cors", "sec_fetch_dest": "empty"},
    {"sec_fetch_site": "none", "sec_fetch_mode": "navigate", "sec_fetch_user": "?1"},
    {"sec_fetch_dest": "image"},
    {"sec_fetch_mode": "navigate"},
    {"accept_language": "en-US,en;q=0.9", "user_agent": "Mozilla/5.0"},
    {"accept_language": ""},
]
PROGRAMS: list[dict[str, str]] = [
    {"user_agent": "curl/8.0", "accept": "*/*"},
    {"user_agent": "python-requests/2", "accept_encoding": "gzip, deflate"},
    {"user_agent": "Mozilla/5.0 (Windows NT) WindowsPowerShell/5.1"},
    {"user_agent": "node", "sec_fetch_mode": "cors", "accept_language": "*"},
    {"user_agent": "undici", "sec_fetch_mode": "cors", "accept_language": "*"},
]


class TestHosts:
    @pytest.mark.parametrize("headers", BROWSERS)
    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:9000",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "xlocalhost",
            "queues.example",
            "a.queues.example.evil",
            "",
            ":9000",
            "[::1",
            "localhost:x",
        ],
    )
    def test_a_browser_is_not_answered_under_a_forged_name(
        self, headers: dict[str, str], host: str
    ) -> None:
        pages = Pages(hosts=["*.queues.example", "0.0.0.0"])
        with pytest.raises(ForbiddenHost, match="--allowed-host"):
            check(pages, host=host, **headers)

    def test_a_page_of_a_forged_name_is_not_answered(self) -> None:
        with pytest.raises(ForbiddenHost):
            check(Pages(), host="evil.example", origin="http://evil.example")

    def test_a_browser_without_a_host_is_not_answered(self) -> None:
        with pytest.raises(ForbiddenHost):
            check(Pages(), host=None, sec_fetch_site="none")

    @pytest.mark.parametrize("headers", BROWSERS)
    @pytest.mark.parametrize(
        "host",
        [
            "localhost",
            "LOCALHOST:9000",
            "localhost.",
            "queues.localhost:1",
            "127.0.0.1",
            "192.168.1.7:9000",
            "[::1]",
            "[fe80::1]:9000",
            "named.example",
            "Named.Example:9000",
            "a.below.example",
            "a.b.below.example:9000",
            "app.example",
            "app.example:8443",
        ],
    )
    def test_a_browser_is_answered_under_names_that_are_the_servers_own(
        self, headers: dict[str, str], host: str
    ) -> None:
        check(Pages([APP], ["named.example", "*.below.example"]), host=host, **headers)

    def test_a_domain_is_not_its_own_name(self) -> None:
        with pytest.raises(ForbiddenHost):
            check(Pages(hosts=["*.below.example"]), host="below.example", sec_fetch_site="none")

    @pytest.mark.parametrize("headers", PROGRAMS)
    @pytest.mark.parametrize("host", ["zoldyq", "queues.default.svc", "evil.example", None])
    def test_programs_are_answered_under_any_name(
        self, headers: dict[str, str], host: str | None
    ) -> None:
        check(Pages(), host=host, **headers)

    def test_an_allowed_page_may_use_any_name(self) -> None:
        check(Pages([APP]), host="queues.internal", origin=APP, sec_fetch_site="cross-site")
