from __future__ import annotations

import pytest

from zoldyq import wire
from zoldyq.contract.errors import UnsupportedEncoding


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("application/x-ndjson", True),
        ("Application/X-NDJSON ; charset=utf-8", True),
        ("application/jsonl", True),
        ("application/jsonl;charset=utf-8", True),
        ("application/json", False),
        ("application/jsonlines", False),
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
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/jsonl", "application/jsonl"),
        ("text/html, Application/JSONL;q=0.9", "application/jsonl"),
        ("application/x-ndjson;q=0, application/jsonl", "application/jsonl"),
        ("application/x-ndjson;q=0", None),
        ("application/x-ndjson; q=0.000; a=b", None),
        ("application/x-ndjson;q=0.001", "application/x-ndjson"),
        ("*/*", None),
        ("application/*", None),
        ("application/json", None),
        (None, None),
    ],
)
def test_an_accept_header_asks_for_lines_by_name(header: str | None, expected: str | None) -> None:
    assert wire.accepted_lines(header) == expected


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
