from __future__ import annotations

import pytest

from zoldyq.contract.errors import (
    HeadersTooLarge,
    MalformedRequest,
    UnsupportedExpectation,
)
from zoldyq.server.native.http.buffer import RequestBuffer
from zoldyq.server.native.http.head import Head
from zoldyq.server.native.http.head_reader import HeadReader

MAX_HEAD = 2048
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n3;name=value\r\nd\r\n\r\n0\r\nTrailer: t\r\n\r\n"
)

Request = tuple[str, str, str, bytes]


def make_reader() -> HeadReader:
    """A reader for whom all headers are wanted."""
    return HeadReader(lambda *_: True, 1 << 60)


def make_parser() -> RequestBuffer:
    return RequestBuffer(make_reader(), MAX_HEAD)


def summary(head: Head, body: bytes | bytearray) -> Request:
    return head.method, head.path, head.query, bytes(body)


def read(parser: RequestBuffer, stream: bytes, size: int) -> list[Request]:
    """Feed a stream in pieces of ``size`` bytes and return the requests in it."""
    requests = []
    for at in range(0, len(stream), size):
        parser.feed(stream[at : at + size])
        while (request := parser.next_request()) is not None or parser.unfinished:
            if request is not None:
                requests.append(summary(*request))
    return requests


def head_of(raw: bytes) -> Head:
    return make_reader().read(raw)[0]


WELL_FORMED = [
    (GET, [("GET", "/a", "", b"")]),
    (POST, [("POST", "/b", "c=d", b"hello")]),
    (CHUNKED, [("POST", "/c", "", b"abcd\r\n")]),
    (b"\r\n\r\n" + GET, [("GET", "/a", "", b"")]),
    (GET + b"\r\n" + POST, [("GET", "/a", "", b""), ("POST", "/b", "c=d", b"hello")]),
    (
        POST + CHUNKED + GET + CHUNKED + POST,
        [
            ("POST", "/b", "c=d", b"hello"),
            ("POST", "/c", "", b"abcd\r\n"),
            ("GET", "/a", "", b""),
            ("POST", "/c", "", b"abcd\r\n"),
            ("POST", "/b", "c=d", b"hello"),
        ],
    ),
    (
        b"PUT /%61%20%zz?%61=%62 HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
        [("PUT", "/a %zz", "%61=%62", b"")],
    ),
    (b"GET /%C3%A4 HTTP/1.1\r\nHost: x\r\n\r\n", [("GET", "/\xc3\xa4", "", b"")]),
    (b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", [("BREW", "/pot", "", b"")]),
    (b"GET http://x:80/a?b HTTP/1.1\r\nHost: x\r\n\r\n", [("GET", "/a", "b", b"")]),
    (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", [("OPTIONS", "*", "", b"")]),
]


class TestRequests:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
    @pytest.mark.parametrize(("stream", "expected"), WELL_FORMED)
    def test_a_stream_may_come_in_any_pieces(
        self, stream: bytes, expected: list[Request], size: int
    ) -> None:
        parser = make_parser()
        assert read(parser, stream, size) == expected
        assert parser.idle

    @pytest.mark.parametrize(("stream", "expected"), WELL_FORMED)
    def test_what_follows_is_left_for_the_next_request(
        self, stream: bytes, expected: list[Request]
    ) -> None:
        parser = make_parser()
        read(parser, stream + b"GET /next HT", 10_000)
        assert not parser.idle
        assert parser.unread() == b"GET /next HT"
        assert parser.idle

    @pytest.mark.parametrize("size", [1, 3, 10_000])
    def test_a_request_is_not_there_before_its_last_byte(self, size: int) -> None:
        for stream in (GET, POST, CHUNKED):
            parser = make_parser()
            assert read(parser, stream[:-1], size) == []
            assert not parser.idle
            parser.feed(stream[-1:])
            assert parser.next_request() is not None

    @pytest.mark.parametrize("size", [1000, 65_536, 700_000, 5_000_000])
    def test_a_large_body(self, size: int) -> None:
        body = bytes(range(256)) * 16_000
        stream = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        assert read(make_parser(), stream + GET, size) == [
            ("POST", "/", "", body),
            ("GET", "/a", "", b""),
        ]

    def test_a_large_body_may_be_received_into_its_place(self) -> None:
        body = bytes(range(256)) * 4000
        parser = make_parser()
        parser.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
        assert parser.next_request() is None
        done = 0
        while space := parser.body_space():
            taken = min(len(space), 10_000)
            space[:taken] = body[done : done + taken]
            space.release()
            parser.filled(taken)
            done += taken
            assert parser.body_bytes == done
        request = parser.next_request()
        assert request is not None
        assert request[1] == body

    def test_a_client_that_only_announces_a_body_costs_little(self) -> None:
        parser = make_parser()
        parser.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000000\r\n\r\n")
        assert parser.next_request() is None
        assert parser.pending is not None
        assert len(parser.body_space()) <= 1 << 20

    def test_a_body_in_chunks_may_hold_anything(self) -> None:
        body = b"\r\n0\r\n\r\n\r" * 500
        stream = (
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
            b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        )
        for size in (1, 2, 1000, 100_000):
            assert read(make_parser(), stream + GET, size) == [
                ("POST", "/", "", body),
                ("GET", "/a", "", b""),
            ]


class TestHeads:
    @pytest.mark.parametrize(
        ("lines", "version", "kept"),
        [
            (b"", b"1.1", True),
            (b"Connection: close\r\n", b"1.1", False),
            (b"Connection: Close\r\n", b"1.1", False),
            (b"Connection: x, close\r\n", b"1.1", False),
            (b"Connection: close, keep-alive\r\n", b"1.1", False),
            (b"Connection: closed\r\n", b"1.1", True),
            (b"", b"1.0", False),
            (b"Connection: keep-alive\r\n", b"1.0", True),
            (b"Connection: Keep-Alive\r\n", b"1.0", True),
        ],
    )
    @pytest.mark.parametrize("length", [b"", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n"])
    def test_whether_the_connection_is_kept(
        self, lines: bytes, version: bytes, kept: bool, length: bytes
    ) -> None:
        raw = b"POST / HTTP/%b\r\nHost: x\r\n%b%b\r\n" % (version, lines, length)
        assert head_of(raw).keep_alive is kept

    def test_headers(self) -> None:
        head = head_of(b"GET / HTTP/1.1\r\nHost: x\r\nAccept: a\r\nACCEPT:  b \r\nE: \xe4\r\n\r\n")
        assert head.header("accept") == "a, b"
        assert head.header("e") == "ä"
        assert head.header("missing") is None

    @pytest.mark.parametrize(
        ("upgrade", "expected"),
        [
            (b"websocket", True),
            (b"WebSocket", True),
            (b"h2c,websocket", True),
            (b"h2c", False),
            (b"websockets", False),
        ],
    )
    def test_an_upgrade(self, upgrade: bytes, expected: bool) -> None:
        raw = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % upgrade
        assert head_of(raw).upgrade is expected

    @pytest.mark.parametrize(
        "framing",
        [
            b"Content-Length: 3\r\n\r\nabc",
            b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ],
    )
    def test_an_upgrade_does_not_hide_a_body(self, framing: bytes) -> None:
        stream = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" + framing
        assert read(make_parser(), stream + GET, 10_000) == [
            ("POST", "/", "", b"abc"),
            ("GET", "/a", "", b""),
        ]

    def test_an_expectation(self) -> None:
        raw = b"POST / HTTP/1.%b\r\nHost: x\r\nExpect: %b\r\nContent-Length: 1\r\n\r\n"
        assert head_of(raw % (b"1", b"100-Continue")).expects_continue
        assert not head_of(raw % (b"0", b"100-continue")).expects_continue
        with pytest.raises(UnsupportedExpectation):
            head_of(raw % (b"1", b"200-ok"))


MALFORMED = {
    "both length headers": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both, the other way": b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "the same length twice": b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": b"Content-Length: 3, 3\r\n\r\nabc",
    "a signed length": b"Content-Length: +3\r\n\r\nabc",
    "a negative length": b"Content-Length: -3\r\n\r\nabc",
    "a hexadecimal length": b"Content-Length: 0x3\r\n\r\nabc",
    "a length with underscores": b"Content-Length: 1_0\r\n\r\nabc",
    "an empty length": b"Content-Length: \r\n\r\nabc",
    "a length that overflows": b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "an encoding behind chunked": b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "an encoding with a tab": b"Transfer-Encoding:\tchunked\x0b\r\n\r\n0\r\n\r\n",
    "a space before the colon": b"Content-Length : 3\r\n\r\nabc",
    "the same for the encoding": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "an obsolete folding": b"A: b\r\n c\r\n\r\n",
    "a folded length": b"Content-Length:\r\n 3\r\n\r\nabc",
    "a space before a name": b" A: b\r\n\r\n",
    "a bare line feed": b"A: b\nContent-Length: 3\r\n\r\nabc",
    "a bare line feed at the end": b"A: b\n\nabc\r\n\r\n",
    "a bare carriage return": b"A: b\rContent-Length: 3\r\n\r\nabc",
    "a null byte": b"A: b\x00c\r\n\r\n",
    "no name": b": b\r\n\r\n",
    "no colon": b"A\r\n\r\n",
    "a name that is no token": b"A(b): c\r\n\r\n",
    "a name beyond ASCII": b"\xc3\xa4: b\r\n\r\n",
    "two hosts": b"Host: y\r\n\r\n",
    "a chunk without a size": b"Transfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n",
    "a chunk longer than its size": b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "a chunk size with a sign": b"Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
    "a chunk size with a prefix": b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
    "a chunk size with a space": b"Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n",
    "a chunk size that overflows": b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc",
    "chunks with bare line feeds": b"Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n\r\n",
    "a chunk extension with a line feed": b"Transfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n",
    "a trailer with a line feed": b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\nC: d\r\n\r\n",
}

NO_REQUEST_LINES = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
    b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    b"GET / HTTP/0.9\r\n\r\n",
    b"GET / HTTP/11.1\r\nHost: x\r\n\r\n",
    b"GET / http/1.1\r\nHost: x\r\n\r\n",
    b"GET / RTSP/1.0\r\nHost: x\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET a HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
    b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\n\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"A" * 40 + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
]


class TestMalformed:
    @pytest.mark.parametrize("size", [1, 3, 10_000])
    @pytest.mark.parametrize("case", MALFORMED)
    def test_what_smuggling_lives_on_is_refused(self, case: str, size: int) -> None:
        stream = b"POST / HTTP/1.1\r\nHost: x\r\n" + MALFORMED[case]
        with pytest.raises(MalformedRequest):
            read(make_parser(), stream, size)

    @pytest.mark.parametrize("size", [1, 3, 10_000])
    @pytest.mark.parametrize("stream", NO_REQUEST_LINES)
    def test_what_is_no_request_is_refused(self, stream: bytes, size: int) -> None:
        with pytest.raises(MalformedRequest):
            read(make_parser(), stream, size)

    @pytest.mark.parametrize("size", [1, 100, 100_000])
    @pytest.mark.parametrize(
        "stream",
        [
            b"GET /" + b"a" * MAX_HEAD,
            b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * MAX_HEAD,
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * MAX_HEAD,
            b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * MAX_HEAD + b"\r\n\r\n",
        ],
    )
    def test_an_endless_head_is_refused(self, stream: bytes, size: int) -> None:
        with pytest.raises(HeadersTooLarge) as refused:
            read(make_parser(), stream, size)
        assert refused.value.details == {"max_header_bytes": MAX_HEAD}

    def test_a_head_as_large_as_may_be(self) -> None:
        raw = GET[:-2] + b"A: " + b"b" * (MAX_HEAD - len(GET) - 5) + b"\r\n\r\n"
        assert len(raw) == MAX_HEAD
        for size in (1, MAX_HEAD):
            assert len(read(make_parser(), raw, size)) == 1

    @pytest.mark.parametrize(
        "flood",
        [
            b"1;" + b"x" * 30_000 + b"\r\na\r\n",
            b"0\r\n" + b"A: b\r\n" * 5000,
            b"0" * 30_000,
            b"1;xxxxxxxxxxxx\r\na\r\n" * 5000,
        ],
    )
    @pytest.mark.parametrize("size", [1, 1000, 100_000])
    def test_a_flood_of_extensions_or_trailers_is_refused(self, flood: bytes, size: int) -> None:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        with pytest.raises(MalformedRequest):
            read(make_parser(), head + flood, size)

    def test_a_trailer_is_no_header(self) -> None:
        parser = make_parser()
        parser.feed(CHUNKED)
        request = parser.next_request()
        assert request is not None
        assert request[0].header("trailer") is None
