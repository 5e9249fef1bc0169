"""Requests as bytes, of the kinds that servers have read wrongly: what each has to be answered."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.contract.conftest import Start
from tests.contract.raw import Api

CASES: dict[str, dict[str, Any]] = tomllib.loads(
    (Path(__file__).parents[1] / "server/native/http/data/requests.toml").read_text()
)


@pytest.fixture(scope="module", params=["native", "tls"])
def idle_briefly(request: pytest.FixtureRequest, start_server: Start) -> Api:
    """A server that closes idle connections soon."""
    kind = str(request.param)
    return Api(start_server(kind, idle_seconds=1, head_seconds=30, drain_seconds=0).address)


@pytest.mark.parametrize("case", CASES)
def test_a_request_is_read_as_the_standards_say(idle_briefly: Api, case: str) -> None:
    expected = CASES[case]
    # A head before it, so that its lines are known where the case uses them again.
    idle_briefly.get("/live", user_agent="x")
    with idle_briefly.wire() as wire:
        wire.send(expected["request"].encode("latin-1"))
        if not expected.get("stays"):
            # Not at once: a half-close might end what is being worked on.
            answer = wire.rest()
        else:
            answer = (wire.response(),)
            assert wire.request("GET", "/queues/q/dequeue").status == 204
            check(expected, answer[0].status, repr(answer[0]), answer[0].body)
            return
    if not expected["status"]:
        assert answer == b""
        return
    head, _, body = answer.partition(b"\r\n\r\n")
    check(expected, int(head.split()[1]), answer.decode("latin-1"), body)


#: The cases about targets and hosts, which every server decides alike.
_NAMES = list(CASES)
TARGETS_AND_HOSTS = _NAMES[: _NAMES.index("a_method_with_other_signs")]


@pytest.mark.parametrize("case", TARGETS_AND_HOSTS)
def test_every_server_reads_targets_and_hosts_alike(api: Api, case: str) -> None:
    expected = CASES[case]
    with api.wire() as wire:
        wire.send(expected["request"].replace("/queues/q/", "/queues/hosts/").encode("latin-1"))
        response = wire.response()
    assert response.status == expected["status"], response
    # gunicorn refuses some itself, with a page of its own.
    if "code" in expected and response.headers["content-type"] != "text/html":
        assert response.code == expected["code"]


def test_every_server_refuses_a_stream_to_a_host_that_is_none(api: Api) -> None:
    with api.wire() as wire:
        upgrade = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
        key = "dGhlIHNhbXBsZSBub25jZQ=="
        response = wire.request(
            "GET", "/queues/q/dequeue", host="a/b", sec_websocket_key=key, **upgrade
        )
    assert (response.status, response.code) == (400, "malformed_request")


def check(expected: dict[str, Any], status: int, text: str, body: bytes) -> None:
    assert status == expected["status"], text
    if "code" in expected:
        assert f'"error":"{expected["code"]}"'.encode() in body
    if "says" in expected:
        assert re.search(expected["says"], text), text
