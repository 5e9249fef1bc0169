"""Targets and hosts by their grammar, also where a WSGI server has read them by other rules."""

from __future__ import annotations

import pytest

from zoldyq.contract.errors import MalformedRequest
from zoldyq.server.api.targets import check_authority, check_target_and_host, split_target


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        (b"/a?b?c", (b"/a", b"b?c", b"")),
        (b"http://h:80/a?b", (b"/a", b"b", b"h:80")),
        (b"HTTPS://[::1]", (b"/", b"", b"[::1]")),
        (b"http://h?/a", (b"/", b"/a", b"h")),
    ],
)
def test_a_target_has_a_path_a_query_and_perhaps_a_host(
    target: bytes, parts: tuple[bytes, ...]
) -> None:
    assert split_target(b"GET", target) == parts


@pytest.mark.parametrize("host", [b"", b"h", b"h:", b"1.2.3.4:9000", b"[::1]:9000", b"h%C3%A9"])
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(host: bytes) -> None:
    check_authority(host)


def environ(**given: str) -> dict[str, str]:
    return {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "h", **given}


def test_a_server_need_not_tell_the_target() -> None:
    check_target_and_host(environ())
    check_target_and_host(environ(HTTP_HOST=" h\t"))


def test_only_in_http_1_0_a_host_may_be_missing() -> None:
    bare = environ()
    del bare["HTTP_HOST"]
    check_target_and_host({**bare, "SERVER_PROTOCOL": "HTTP/1.0"})
    with pytest.raises(MalformedRequest):
        check_target_and_host(bare)


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI"])
@pytest.mark.parametrize("target", ["a", "/a#b", "/\u00e9", "/a b", "ftp://h/", "http:///a", "*"])
def test_a_target_that_is_none_is_refused(name: str, target: str) -> None:
    with pytest.raises(MalformedRequest):
        check_target_and_host(environ(**{name: target}))


@pytest.mark.parametrize("host", ["a,b", "a, b", "a@b", "a/b", "h:99999", "\u00e9", "[1:2]"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(MalformedRequest):
        check_target_and_host(environ(HTTP_HOST=host))
