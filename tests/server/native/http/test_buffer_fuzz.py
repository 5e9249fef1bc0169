"""Any bytes in any pieces: the same requests are read, and nothing breaks."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from tests.server.native.http.test_buffer import (
    CHUNKED,
    GET,
    POST,
    Request,
    make_parser,
    read,
    summary,
)
from zoldyq.contract.errors import ZoldyQError

_PIECES = st.sampled_from(
    [
        *(GET, POST, CHUNKED, b"\r\n", b"\n", b"\r", b" ", b":", b"\x00", b"GET ", b"POST / "),
        *(b"HTTP/1.1\r\n", b"Host: x\r\n", b"Content-Length: ", b"5", b"Transfer-Encoding: "),
        *(
            b"chunked",
            b"0\r\n\r\n",
            b"5\r\n",
            b"Connection: ",
            b"Upgrade: ",
            b"websocket",
            b"close",
        ),
        *(b"Expect: 100-continue\r\n", b"%", b"?", b"/", b"\xff", b"ffffffff", b";a=b", b"a" * 700),
    ]
) | st.binary(max_size=20)


class TestAnything:
    @given(pieces=st.lists(_PIECES, max_size=30), cuts=st.lists(st.integers(1, 60), min_size=1))
    def test_bytes_are_requests_or_an_error_however_they_are_cut(
        self, pieces: list[bytes], cuts: list[int]
    ) -> None:
        stream = b"".join(pieces)
        whole = requests_in(stream, [len(stream) or 1])
        assert requests_in(stream, cuts) == whole
        assert requests_in(stream, [1]) == whole

    @given(bodies=st.lists(st.binary(max_size=300), max_size=8), cut=st.integers(1, 200))
    def test_what_is_sent_well_is_read_well(self, bodies: list[bytes], cut: int) -> None:
        stream = b"".join(
            b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (n, len(body), body)
            if n % 2
            else b"POST /%d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n"
            % (n, b"%x\r\n%b\r\n" % (len(body), body) if body else b"")
            for n, body in enumerate(bodies)
        )
        expected = [("POST", f"/{n}", "", body) for n, body in enumerate(bodies)]
        assert read(make_parser(), stream, cut) == expected


def requests_in(stream: bytes, cuts: list[int]) -> list[Request]:
    """The requests before the end or the first error; pieces have the lengths ``cuts`` in turn."""
    parser = make_parser()
    requests: list[Request] = []
    at = turn = 0
    with suppress(ZoldyQError):
        while at < len(stream):
            size = cuts[turn % len(cuts)]
            parser.feed(stream[at : at + size])
            while (request := parser.next_request()) is not None or parser.unfinished:
                if request is not None:
                    requests.append(summary(*request))
            at, turn = at + size, turn + 1
    return requests
