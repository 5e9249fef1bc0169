"""Who is let in, and what browsers are told."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from zoldyq.contract.errors import ForbiddenOrigin, NotFound, Unauthorized
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.router import ROUTER, Target

QUEUE = "/queues/a/dequeue"
DEQUEUE_OVER_WEBSOCKET = ROUTER.find("GET", QUEUE, websocket=True)
APP = "https://app.example"


def target(path: str) -> Target | None:
    """What GET means on a path; None for nothing."""
    try:
        return ROUTER.find("GET", path)
    except NotFound:
        return None


def admit(policy: AccessPolicy, path: str = QUEUE, **headers: str) -> None:
    """Ask for a path with some headers, given as ``sec_fetch_site`` for Sec-Fetch-Site."""
    policy.admit(target(path), {name.replace("_", "-"): text for name, text in headers.items()}.get)


def handshake(policy: AccessPolicy, offered: str) -> None:
    """Ask for a WebSocket."""
    policy.admit(DEQUEUE_OVER_WEBSOCKET, {"sec-websocket-protocol": offered}.get)


def as_subprotocol(token: bytes) -> str:
    return "bearer." + urlsafe_b64encode(token).decode().rstrip("=")


class TestTokens:
    def test_without_tokens_nobody_needs_one(self) -> None:
        admit(AccessPolicy())

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    @pytest.mark.parametrize("token", ["first", "second"])
    def test_each_token_opens(self, scheme: str, token: str) -> None:
        admit(AccessPolicy(["first", "second"]), authorization=f"{scheme} {token}")

    @pytest.mark.parametrize(
        "given", ["", "Bearer", "Bearer ", "Bearer firs", "Bearer firsts", "Basic first", "first"]
    )
    def test_anything_else_is_refused(self, given: str) -> None:
        with pytest.raises(Unauthorized):
            admit(AccessPolicy(["first", "second"]), authorization=given)

    def test_a_token_beyond_ascii_is_refused_without_a_fault(self) -> None:
        with pytest.raises(Unauthorized):
            admit(AccessPolicy(["first"]), authorization="Bearer f\u00efrst")

    @pytest.mark.parametrize(
        "path", ["/", "/health", "/ready", "/live", "/openapi.json", "/ui/style.css", "//health"]
    )
    def test_monitors_and_the_dashboard_need_none(self, path: str) -> None:
        admit(AccessPolicy(["first"]), path)

    @pytest.mark.parametrize("path", ["/metrics", "/queues", "/ui", "/health/", "/nothing"])
    def test_other_paths_do(self, path: str) -> None:
        with pytest.raises(Unauthorized):
            admit(AccessPolicy(["first"]), path)

    def test_a_wrong_token_reads_differently_from_none(self) -> None:
        policy = AccessPolicy(["first"])
        with pytest.raises(Unauthorized, match="asks for a token"):
            admit(policy)
        with pytest.raises(Unauthorized, match="does not know the token"):
            admit(policy, authorization="Bearer wrong")

    @pytest.mark.parametrize("token", [b"first", b"a?~>b", b"ab", b"abc"])
    def test_a_websocket_may_offer_it_as_a_subprotocol(self, token: bytes) -> None:
        policy = AccessPolicy([token.decode()])
        handshake(policy, f"zoldyq, {as_subprotocol(token)}")

    @pytest.mark.parametrize(
        "offered", ["zoldyq", "bearer.", "bearer.!!!", "bearer.\u00ff", "zoldyq,bearer.Zmlycw"]
    )
    def test_a_subprotocol_without_a_token_is_refused(self, offered: str) -> None:
        with pytest.raises(Unauthorized):
            handshake(AccessPolicy(["first"]), offered)

    def test_a_subprotocol_counts_on_a_websocket_only(self) -> None:
        with pytest.raises(Unauthorized):
            admit(AccessPolicy(["first"]), sec_websocket_protocol=as_subprotocol(b"first"))


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
        admit(AccessPolicy(), origin=origin, host=host)

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
            admit(AccessPolicy(origins=[APP]), origin=origin, host="localhost:9000")

    def test_a_page_is_foreign_if_no_host_says_otherwise(self) -> None:
        with pytest.raises(ForbiddenOrigin):
            admit(AccessPolicy(), origin="http://localhost:9000")

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_pages_are_kept_out_that_the_browser_calls_foreign(self, site: str) -> None:
        with pytest.raises(ForbiddenOrigin):
            admit(AccessPolicy(), sec_fetch_site=site)

    @pytest.mark.parametrize("path", ["/", "/ui/app.js"])
    def test_any_page_may_link_to_the_dashboard(self, path: str) -> None:
        admit(AccessPolicy(), path, sec_fetch_site="cross-site")

    @pytest.mark.parametrize("site", ["same-origin", "none"])
    def test_other_values_of_it_do_not_matter(self, site: str) -> None:
        admit(AccessPolicy(), sec_fetch_site=site)

    def test_an_allowed_page_comes_in_though_it_is_cross_site(self) -> None:
        admit(AccessPolicy(origins=[APP]), origin=APP, sec_fetch_site="cross-site")

    def test_an_allowed_page_still_needs_a_token(self) -> None:
        with pytest.raises(Unauthorized):
            admit(AccessPolicy(["first"], [APP]), origin=APP)

    def test_a_token_lets_no_foreign_page_in(self) -> None:
        with pytest.raises(ForbiddenOrigin):
            admit(AccessPolicy(["first"]), authorization="Bearer first", origin=APP)

    def test_a_preflight_needs_an_allowed_origin_and_no_token(self) -> None:
        policy = AccessPolicy(["first"], [APP])
        preflight = ROUTER.find("OPTIONS", QUEUE)
        policy.admit(preflight, {"origin": APP}.get)
        with pytest.raises(ForbiddenOrigin):
            policy.admit(preflight, {"origin": "http://evil.example"}.get)


class TestHeaders:
    def test_an_allowed_page_may_read_the_reply(self) -> None:
        headers = dict(AccessPolicy(origins=[APP]).cors_headers(APP))
        assert headers == {
            "Access-Control-Allow-Origin": APP,
            "Vary": "Origin",
            "Access-Control-Expose-Headers": "Retry-After",
        }

    def test_a_preflight_is_told_what_may_be_sent(self) -> None:
        headers = dict(AccessPolicy(origins=[APP]).cors_headers(APP, preflight=True))
        assert headers["Access-Control-Allow-Origin"] == APP
        assert headers["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD, PATCH, POST, PUT"
        assert "Authorization" in headers["Access-Control-Allow-Headers"]
        assert int(headers["Access-Control-Max-Age"]) > 0

    @pytest.mark.parametrize("origin", [None, "http://evil.example", "http://localhost:9000"])
    def test_others_are_told_nothing(self, origin: str | None) -> None:
        assert AccessPolicy(origins=[APP]).cors_headers(origin) == ()


@pytest.mark.parametrize(
    ("offered", "selected"),
    [("zoldyq", "zoldyq"), ("bearer.x,zoldyq", "zoldyq"), ("mqtt", None), ("", None)],
)
def test_the_subprotocol_is_selected_if_offered(offered: str, selected: str | None) -> None:
    assert AccessPolicy().subprotocol({"sec-websocket-protocol": offered}.get) == selected


def test_no_subprotocol_is_selected_where_none_is_offered() -> None:
    assert AccessPolicy().subprotocol({}.get) is None
