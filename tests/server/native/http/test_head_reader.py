"""Heads that share lines, heads that repeat, and llhttp as the judge of them all."""

from __future__ import annotations

import tomllib
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.native.http.llhttp import Verdict, judge
from tests.server.native.http.test_buffer import MALFORMED, NO_REQUEST_LINES, WELL_FORMED
from zoldyq.contract.errors import (
    MalformedRequest,
    UnsupportedExpectation,
    UnsupportedTransferEncoding,
    ZoldyQError,
)
from zoldyq.server.api.targets import check_authority
from zoldyq.server.native.http import head_reader
from zoldyq.server.native.http.head import Head, read_request_line
from zoldyq.server.native.http.head_reader import HeadReader, Recent

HEAD = b"GET /%d HTTP/1.1\r\nHost: x\r\n%b\r\n"


class Counting:
    """A reader that counts what it worked out."""

    def __init__(self, *, wants_all: bool = False, max_body: int = 1 << 20) -> None:
        self.prepared: list[tuple[str, int]] = []
        self.wants_all = wants_all
        self.reader = HeadReader(self._prepare, max_body)

    def _prepare(self, head: Head, length: int) -> bool:
        self.prepared.append((head.path, length))
        return self.wants_all

    def read(self, raw: bytes) -> Head:
        return self.reader.read(raw)[0]


class TestMemory:
    def test_what_is_alike_in_what_matters_is_worked_out_once(self) -> None:
        counting = Counting()
        for number in range(500):
            trace = b"Traceparent: %d\r\nX-Request-Id: %d\r\nContent-Length: %d\r\n" % (
                (number,) * 3
            )
            head, length, _ = counting.reader.read(HEAD % (1, trace))
            assert (head.path, length) == ("/1", number)
        assert counting.prepared == [("/1", 0)]

    @pytest.mark.parametrize(
        "line",
        [
            *(b"Host: y", b"Authorization: Bearer a", b"Origin: http://x", b"Accept: a"),
            *(b"Sec-Fetch-Site: cross-site", b"Content-Type: a/b", b"Connection: close"),
            *(b"Content-Encoding: gzip", b"Expect: 100-continue", b"Upgrade: websocket"),
        ],
    )
    def test_a_line_that_matters_is_never_taken_for_another(self, line: bytes) -> None:
        counting = Counting()
        base = HEAD % (1, b"") if not line.startswith(b"Host") else b"GET /1 HTTP/1.1\r\n%b\r\n"
        for _ in range(3):
            if line.startswith(b"Host"):
                counting.read(base % b"Host: x\r\n")
                counting.read(base % (line + b"\r\n"))
            else:
                counting.read(base)
                counting.read(HEAD % (1, line + b"\r\n"))
        assert len(counting.prepared) == 2

    def test_a_body_that_is_too_large_is_not_alike(self) -> None:
        counting = Counting(max_body=100)
        for length in (0, 100, 101, 5000):
            counting.read(HEAD % (1, b"Content-Length: %d\r\n" % length))
        assert counting.prepared == [("/1", 0), ("/1", 101)]

    def test_a_head_that_came_twice_is_known_by_its_bytes(self) -> None:
        counting = Counting()
        raw = HEAD % (1, b"User-Agent: a\r\n")
        assert counting.reader.read(raw)[2] is None
        known = counting.reader.read(raw)[2]
        assert known is not None
        assert counting.reader.heads.get_young(raw) is known
        assert (known.raw, known.length, known.total) == (raw, 0, len(raw))

    @pytest.mark.parametrize(
        "lines",
        [
            b"A: " + b"b" * 1100 + b"\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"Connection: upgrade\r\nUpgrade: websocket\r\n",
        ],
    )
    def test_large_heads_and_those_with_a_state_are_not_kept(self, lines: bytes) -> None:
        counting = Counting()
        for _ in range(3):
            assert counting.reader.read(HEAD % (1, lines))[2] is None

    def test_memory_is_bounded_whatever_comes(self) -> None:
        reader = Counting().reader
        for number in range(30_000):
            name = b"X-%d" % (number % 9000)
            value = b"%d" % number
            lines = b"%b: %b\r\nAccept: %b\r\nContent-Length: %b\r\n" % (name, value, value, value)
            reader.read(HEAD % (number, lines))
        held = (reader._silent, reader._lines, reader._changing, reader._count_of)
        assert max(len(memory) for memory in held) <= head_reader._LINES + 3
        assert len(reader._meanings._young) + len(reader._meanings._old) <= 2 * head_reader._HEADS

    def test_all_headers_are_there_for_an_application(self) -> None:
        counting = Counting(wants_all=True)
        for number in range(100):
            head = counting.read(
                HEAD % (1, b"X-Trace: %d\r\nACCEPT: a\r\naccept:  b \r\n" % number)
            )
            assert ("x-trace", str(number)) in head.headers
            assert head.header("accept") == "a, b"

    def test_a_name_whose_values_change_still_needs_a_colon(self) -> None:
        counting = Counting()
        for number in range(200):
            counting.read(HEAD % (1, b"X-Trace: %d\r\n" % number))
        with pytest.raises(MalformedRequest):
            counting.read(HEAD % (1, b"X-Trace\r\n"))

    def test_a_header_line_is_no_request_line(self) -> None:
        counting = Counting()
        counting.read(HEAD % (1, b"X-A: b\r\n"))
        with pytest.raises(MalformedRequest):
            counting.read(b"X-A: b\r\n" + HEAD % (1, b""))


class TestRecent:
    def test_what_is_used_stays_and_the_rest_goes(self) -> None:
        recent: Recent[int, str] = Recent(10)
        recent.put(0, "zero")
        for number in range(1, 200):
            recent.put(number, str(number))
            assert recent.get(0) == "zero"
        assert recent.get(1) is None
        assert recent.get(199) == "199"
        assert len(recent._young) + len(recent._old) <= 20


def verdict(reader: HeadReader, raw: bytes) -> Verdict | None:
    """How our reader reads a head: as the judge tells it, None for a refusal."""
    try:
        head, _, _ = reader.read(raw)
    except ZoldyQError:
        return None
    _, target, _ = raw.split(b" ", 2)
    return Verdict(head.method.encode(), target, head.version, head.headers)


def is_stricter(raw: bytes) -> bool:
    """Whether we refuse what llhttp does not look at, or say otherwise why."""
    request_line, *lines = raw.split(b"\r\n")
    try:
        read_request_line(request_line)
        hosts = [line for line in lines if line.lower().startswith(b"host:")]
        for host in hosts:
            check_authority(host.partition(b":")[2].strip(b" \t"))
    except MalformedRequest:
        return True
    names = {line.partition(b":")[0].lower() for line in lines}
    return (
        len(hosts) > 1
        or (not hosts and b"HTTP/1.1" in request_line)
        or bool(names & {b"transfer-encoding", b"expect"})
    )


def check_against_the_judge(reader: HeadReader, raw: bytes) -> None:
    """We accept no head that llhttp refuses, and read alike what both accept."""
    theirs, ours = judge(raw), verdict(reader, raw)
    if ours is None:
        assert theirs is None or is_stricter(raw), raw
        return
    assert theirs is not None, f"llhttp refuses {raw!r}"
    if not ours.target.lower().startswith(b"http"):
        assert ours == theirs, raw


DATA = tomllib.loads((Path(__file__).parent / "data/requests.toml").read_text())
CORPUS = [
    *(b"POST / HTTP/1.1\r\nHost: x\r\n" + case for case in MALFORMED.values()),
    *NO_REQUEST_LINES,
    *(stream for stream, _ in WELL_FORMED),
    *(case["request"].encode("latin-1") for case in DATA.values()),
]


def head_in(stream: bytes) -> bytes:
    """The first head of a stream."""
    return stream.lstrip(b"\r\n").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


@pytest.mark.parametrize("stream", CORPUS)
def test_a_known_head_is_judged_as_llhttp_does(stream: bytes) -> None:
    check_against_the_judge(Counting(wants_all=True).reader, head_in(stream))


_NAMES = st.sampled_from(
    [
        *(b"Host", b"host", b"Content-Length", b"content-length", b"Transfer-Encoding", b"A"),
        *(b"Connection", b"Upgrade", b"Expect", b"Accept", b"traceparent", b"X-B", b"", b"A "),
        *(b" A", b"A(", b"A\x00", b"\xc3", b"Content-Length "),
    ]
)
_VALUES = st.sampled_from(
    [
        *(b"x", b"x:80", b" x ", b"\tx", b"0", b"5", b" 5", b"5 ", b"+5", b"5, 5", b"0x5", b""),
        *(b"chunked", b"gzip, chunked", b"close", b"keep-alive", b"upgrade", b"websocket", b"h2c"),
        *(b"100-continue", b"a\x00b", b"a\rb", b"a\nb", b"a\x7fb", b"\xff", b"a\tb", b"9" * 30),
        *(b"18446744073709551615", b"18446744073709551616", b"a\r\n b", b"a\x0bb"),
    ]
)
_TARGETS = st.sampled_from(
    [
        *(b"/", b"/a?b", b"*", b"//a", b"/a b", b"/\x01", b"/\xff", b"http://x/a", b"a", b""),
        *(b"http://", b"http://x?y", b"/a#b", b"/{}|^`", b"/%zz", b"x:80", b'/"<>'),
    ]
)
_LINES = st.lists(st.tuples(_NAMES, st.sampled_from([b": ", b":", b":  ", b" : "]), _VALUES))


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """Heads that are nearly well-formed, with lines that other heads share."""
    method = draw(st.sampled_from([b"GET", b"POST", b"HEAD", b"M-S", b"G T", b"G\x00T", b"get"]))
    version = draw(st.sampled_from([b"HTTP/1.1"] * 5 + [b"HTTP/1.0", b"HTTP/1.2", b"http/1.1"]))
    lines = [b" ".join((method, draw(_TARGETS), version)), b"Host: x"]
    lines += [b"".join(line) for line in draw(_LINES)]
    if draw(st.booleans()):
        lines.append(draw(st.binary(max_size=6)))
    raw = b"\r\n".join(lines)
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(raw)))
        raw = raw[:at] + draw(st.sampled_from([b"\r", b"\n", b"\x00", b":", b" "])) + raw[at:]
    return head_in(raw + b"\r\n\r\n")


# One reader for all of them: lines that one head has taught it are met again in others.
_experienced = Counting(wants_all=True).reader
_partial = Counting(wants_all=False).reader


@given(raw=heads())
@settings(max_examples=1500)
def test_heads_that_share_lines_are_judged_as_llhttp_does(raw: bytes) -> None:
    with patch.object(head_reader, "_LINES_OF_A_NAME", 1):  # nearly all values are new ones
        check_against_the_judge(_experienced, raw)
        check_against_the_judge(_experienced, raw)
    fresh = Counting(wants_all=True).reader
    assert verdict(_experienced, raw) == verdict(fresh, raw)
    assert (verdict(_partial, raw) is None) == (verdict(fresh, raw) is None)


@pytest.mark.parametrize(
    ("coding", "error"),
    [
        (b"gzip, chunked", UnsupportedTransferEncoding),
        (b"chunked, chunked", MalformedRequest),
        (b"chunked, gzip", MalformedRequest),
        (b"gzip", MalformedRequest),
        (b"", MalformedRequest),
    ],
)
def test_only_chunks_are_taken(coding: bytes, error: type[ZoldyQError]) -> None:
    with pytest.raises(error):
        Counting().read(HEAD % (1, b"Transfer-Encoding: %b\r\n" % coding))


def test_an_expectation_is_met_in_http_11_alone() -> None:
    with pytest.raises(UnsupportedExpectation):
        Counting().read(HEAD % (1, b"Expect: x\r\n"))
    raw = (HEAD % (1, b"Expect: x\r\nUpgrade: websocket\r\n")).replace(b"HTTP/1.1", b"HTTP/1.0")
    head = Counting().read(raw)
    assert not head.expects_continue
    assert not head.upgrade
