"""URLs of backends."""

from __future__ import annotations

import pytest

from zoldyq.contract.errors import InvalidSetting
from zoldyq.engine.address import Address, parse_address, sentinel_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", Address("single", (("h", 6379),))),
        ("valkeys://u:p%40@h:1/2", Address("single", (("h", 1),), True, 2, "u", "p@")),
        ("unix:///a/b?db=3", Address("single", (("/a/b", 0),), database=3)),
        (
            "redis+cluster://u:p@a,[::1]:2,b:3",
            Address("cluster", (("a", 6379), ("::1", 2), ("b", 3)), username="u", password="p"),
        ),
        (
            "valkey+sentinel://a,b:1/main/4?sentinel_username=s&sentinel_password=t%26",
            Address(
                *("sentinel", (("a", 26379), ("b", 1)), False, 4, "", "", "main"),
                sentinel_username="s",
                sentinel_password="t&",
            ),
        ),
    ],
)
def test_a_url_says_where_the_queues_are(url: str, address: Address) -> None:
    assert parse_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://a,b",
        "redis://h:port",
        "redis://h/x",
        "redis://h?a=b",
        "redis+cluster://a/1",
        "redis+sentinel://a",
        "redis+sentinel://a/main?other=secret",
        "unix://a",
        "unix:///a?c=secret",
        "redis://u:secret@h:70000",
    ],
)
def test_what_is_no_such_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        parse_address(url)
    assert "secret" not in str(refused.value)


def test_a_password_shows_in_no_text_and_sentinels_have_their_own() -> None:
    address = parse_address("redis+sentinel://user:secret@a/main?sentinel_password=hidden")
    assert repr(address) == "Address(sentinel, ['a:26379'])"
    sentinel = sentinel_address(address, address.nodes[0])
    assert (sentinel.username, sentinel.password) == ("", "hidden")
