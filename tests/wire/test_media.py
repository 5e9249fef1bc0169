from __future__ import annotations

import pytest

from zoldyq import wire
from zoldyq.contract.errors import UnsupportedEncoding


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("application/x-ndjson", True),
        ("Application/X-NDJSON ; charset=utf-8", True),
        ("application/json", False),
        ("text/plain", False),
        ("", False),
        (None, False),
    ],
)
def test_a_content_type_says_whether_a_body_is_ndjson(header: str | None, expected: bool) -> None:
    assert wire.is_ndjson(header) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("application/x-ndjson", True),
        ("text/html, application/x-ndjson;q=0.9", True),
        ("*/*", False),
        ("application/*", False),
        ("application/json", False),
        (None, False),
    ],
)
def test_an_accept_header_asks_for_ndjson_by_name(header: str | None, expected: bool) -> None:
    assert wire.accepts_ndjson(header) is expected


@pytest.mark.parametrize("encoding", [None, "", "identity", " Identity "])
def test_a_body_without_encoding_is_accepted(encoding: str | None) -> None:
    wire.check_content_encoding(encoding)


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "x"])
def test_a_compressed_body_is_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedEncoding):
        wire.check_content_encoding(encoding)


@pytest.mark.parametrize(
    ("value", "members"),
    [
        (None, []),
        ("", []),
        ("a", ["a"]),
        (" a ,\tB, a", ["a", "B", "a"]),
        (",a,, ,b,", ["a", "b"]),
    ],
)
def test_a_list_is_read_without_its_empty_members(value: str | None, members: list[str]) -> None:
    assert wire.members_of(value) == members
