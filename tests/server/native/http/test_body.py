from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.native.http.llhttp import judge_chunks
from zoldyq.contract.errors import MalformedRequest
from zoldyq.server.native.http.body import ChunkedBody


def decode(raw: bytes, cut: int = 1 << 30) -> tuple[bytes, int] | None:
    """The body and where it ends, None if it is refused or needs more."""
    body = ChunkedBody()
    data, start, at = b"", 0, 0
    try:
        while not body.complete and at < len(raw):
            data += raw[at : at + cut]
            at += cut
            again = True
            while again:
                start, again = body.take(data, start)
    except MalformedRequest:
        return None
    return (bytes(body.body), start) if body.complete else None


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"0\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"00A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b'3;a\r\nabc\r\n0;b=c;d="e f"\r\n\r\n', b"abc"),
        (b"1\r\na\r\n0\r\nA: b\r\nC: d\r\n\r\n", b"a"),
        (b"1\r\na\r\n" * 5000 + b"0\r\n\r\n", b"a" * 5000),
    ],
)
@pytest.mark.parametrize("cut", [1, 2, 7, 1 << 20])
def test_chunks_may_come_in_any_pieces(raw: bytes, expected: bytes, cut: int) -> None:
    assert decode(raw + b"GET /", cut) == (expected, len(raw))
    assert decode(raw[:-1], cut) is None


def test_a_flood_of_tiny_chunks_is_decoded_some_at_a_time() -> None:
    raw = b"1\r\na\r\n" * 5000
    body = ChunkedBody()
    start, again = body.take(raw, 0)
    assert again
    assert len(body.body) <= 1000
    while again:
        start, again = body.take(raw, start)
    assert (start, len(body.body)) == (len(raw), 5000)


_PIECES = st.sampled_from(
    [
        *(b"0", b"1", b"5", b"a", b"F", b"\r\n", b"\r\n", b"\r\n", b"\r", b"\n", b";", b"=", b'"'),
        *(b"x", b"hello", b" ", b"\t", b"+", b"0x1", b"A: b\r\n", b"A : b\r\n", b"\x00", b"\xff"),
        *(b"0\r\n\r\n", b"1\r\nx\r\n", b"5\r\nhello\r\n", b"f" * 17, b"0" * 20),
    ]
)


@given(pieces=st.lists(_PIECES, max_size=12), cut=st.integers(1, 9))
@settings(max_examples=1000)
def test_no_body_is_accepted_that_llhttp_refuses_or_reads_otherwise(
    pieces: list[bytes], cut: int
) -> None:
    raw = b"".join(pieces)
    ours = decode(raw)
    assert decode(raw, cut) == ours
    if ours is not None:
        assert judge_chunks(raw) == ours[0]
