"""Who is let in, and with which rights."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from zoldyq.contract.errors import Forbidden, ForbiddenOrigin, NotFound, Unauthorized
from zoldyq.contract.patterns import NamePattern
from zoldyq.contract.routes import ROUTES, Right, Route
from zoldyq.server.api.access import AccessPolicy, Pass
from zoldyq.server.api.router import ROUTER, Target
from zoldyq.server.api.tokens import Token, digest_of

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


class TestPagesAndTokens:
    def test_an_allowed_page_still_needs_a_token(self) -> None:
        with pytest.raises(Unauthorized):
            admit(AccessPolicy(["first"], [APP]), origin=APP)

    def test_a_token_lets_no_foreign_page_in(self) -> None:
        with pytest.raises(ForbiddenOrigin):
            admit(AccessPolicy(["first"]), authorization="Bearer first", origin=APP)

    def test_a_preflight_needs_an_allowed_origin_and_no_token(self) -> None:
        policy = AccessPolicy(["first"], [APP])
        preflight = ROUTER.find("OPTIONS", QUEUE)
        policy.admit(preflight, {"origin": APP, "host": "localhost"}.get)
        with pytest.raises(ForbiddenOrigin):
            policy.admit(preflight, {"origin": "http://evil.example"}.get)


def token(name: str, *rights: Right, queues: tuple[str, ...] = ("*",)) -> Token:
    """A token whose secret is its name."""
    patterns = tuple(map(NamePattern, queues))
    return Token(name, digest_of(name.encode()), frozenset(rights), patterns)


class TestRights:
    @pytest.mark.parametrize("right", Right)
    @pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.operation)
    def test_a_right_opens_what_needs_it_and_nothing_else(self, route: Route, right: Right) -> None:
        policy = AccessPolicy(tokens=[token("some", right)])
        path = route.path.format(name="a", file="a")
        asked = ROUTER.find(route.method, path, websocket=route.websocket)
        header = {"authorization": "Bearer some"}.get
        if route.right in (None, right):
            assert policy.admit(asked, header).name == "some"
        else:
            with pytest.raises(Forbidden) as refusal:
                policy.admit(asked, header)
            assert refusal.value.details["token"] == "some"
            assert refusal.value.details["right"] == route.right

    @pytest.mark.parametrize(
        ("queue", "may"),
        [("invoices", True), ("mail.in", True), ("mail.", True), ("mail", False), ("other", False)],
    )
    def test_a_right_holds_for_the_queues_of_its_patterns(self, queue: str, may: bool) -> None:
        policy = AccessPolicy(tokens=[token("some", *Right, queues=("invoices", "mail.*"))])
        for verb in ("dequeue", "peek"):
            asked = ROUTER.find("GET", f"/queues/{queue}/{verb}")
            header = {"authorization": "Bearer some"}.get
            if may:
                policy.admit(asked, header)
            else:
                with pytest.raises(Forbidden) as refusal:
                    policy.admit(asked, header)
                assert refusal.value.details["queue_name"] == queue

    @pytest.mark.parametrize(
        ("queues", "may"), [(("*",), True), (("a*", "*"), True), (("**",), False), (("a*",), False)]
    )
    def test_the_metrics_need_the_pattern_of_all_queues(
        self, queues: tuple[str, ...], may: bool
    ) -> None:
        policy = AccessPolicy(tokens=[token("some", Right.OBSERVE, queues=queues)])
        asked = ROUTER.find("GET", "/metrics")
        if may:
            policy.admit(asked, {"authorization": "Bearer some"}.get)
        else:
            with pytest.raises(Forbidden, match="has to be"):
                policy.admit(asked, {"authorization": "Bearer some"}.get)

    def test_a_stranger_has_no_right_where_no_token_is_needed(self) -> None:
        policy = AccessPolicy(tokens=[token("some", *Right)])
        for given in ("", "Bearer unknown"):
            caller = policy.admit(ROUTER.find("GET", "/health"), {"authorization": given}.get)
            assert not any(caller.may(right, "a") for right in Right)

    def test_without_any_token_everybody_may_do_everything(self) -> None:
        caller = AccessPolicy().admit(ROUTER.find("GET", "/health"), {}.get)
        assert all(caller.may(right, "a") and caller.may_on_all(right) for right in Right)

    def test_a_secret_without_rights_of_its_own_may_do_everything(self) -> None:
        policy = AccessPolicy(["master"], tokens=[token("some", Right.CONSUME)])
        caller = policy.admit(
            ROUTER.find("PUT", "/queues/a"), {"authorization": "Bearer master"}.get
        )
        assert all(caller.may_on_all(right) for right in Right)


class TestChanges:
    def test_a_token_that_is_gone_is_unknown_at_once(self) -> None:
        policy = AccessPolicy(["master"], tokens=[token("old", *Right)])
        policy.replace_tokens([token("new", *Right)])
        admit(policy, authorization="Bearer new")
        admit(policy, authorization="Bearer master")
        with pytest.raises(Unauthorized):
            admit(policy, authorization="Bearer old")

    def test_those_who_watch_are_told_after_the_change(self) -> None:
        policy = AccessPolicy(tokens=[token("old", *Right)])
        given = Pass(token("old", *Right), Right.CONSUME, "a")
        seen: list[bool] = []
        policy.watch(lambda: seen.append(policy.still_admits(given)))
        policy.replace_tokens([token("old", Right.CONSUME)])
        policy.replace_tokens([token("old", Right.PRODUCE)])
        policy.replace_tokens([token("old", Right.CONSUME, queues=("b",))])
        policy.replace_tokens([token("new", *Right)])
        assert seen == [True, False, False, False]

    def test_a_token_with_another_secret_is_another_token(self) -> None:
        policy = AccessPolicy(tokens=[token("old", *Right)])
        given = Pass(token("old", *Right), Right.CONSUME, "a")
        policy.replace_tokens([Token("old", digest_of(b"renewed"))])
        assert not policy.still_admits(given)


@pytest.mark.parametrize(
    ("offered", "selected"),
    [("zoldyq", "zoldyq"), ("bearer.x,zoldyq", "zoldyq"), ("mqtt", None), ("", None)],
)
def test_the_subprotocol_is_selected_if_offered(offered: str, selected: str | None) -> None:
    assert AccessPolicy().subprotocol({"sec-websocket-protocol": offered}.get) == selected


def test_no_subprotocol_is_selected_where_none_is_offered() -> None:
    assert AccessPolicy().subprotocol({}.get) is None
