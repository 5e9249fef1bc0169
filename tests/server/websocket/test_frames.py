"""Frames as bytes: what is taken apart here, and what is left to the library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import CLIENT, Connection
from wsproto.events import CloseConnection, TextMessage

from tests.websocket.frames import BINARY, CLOSE, PING, PONG, TEXT, client_frame
from zoldyq.server.websocket.frames import (
    FrameSplitter,
    close_frame,
    closes,
    text_frame,
    unmask,
    whole_frames,
)

SIZES = [0, 1, 125, 126, 65_535, 65_536, 70_000]
FRAGMENT = 0x01
LAST = 0x80


def split(splitter: FrameSplitter, size: int = 4096) -> list[bytes | str]:
    """Take all there is as a connection does: texts as str, the rest as bytes."""
    taken: list[bytes | str] = []
    while True:
        texts = splitter.take_texts(3)
        rest = splitter.take_rest(size)
        taken += [text.decode() for text in texts]
        taken += [rest] if rest else []
        if not texts and not rest:
            return taken


def split_whole(data: bytes, maximum: int = 1 << 20) -> list[bytes | str]:
    splitter = FrameSplitter(maximum)
    splitter.feed(data)
    return split(splitter)


class TestWhatTheServerSends:
    @pytest.mark.parametrize("size", SIZES)
    def test_a_text_frame_is_read_by_another_implementation(self, size: int) -> None:
        connection = Connection(CLIENT)
        connection.receive_data(text_frame(b"x" * size))
        texts = [event.data for event in connection.events() if isinstance(event, TextMessage)]
        assert "".join(texts) == "x" * size

    def test_so_is_a_close_frame(self) -> None:
        connection = Connection(CLIENT)
        connection.receive_data(close_frame(1001, "bye"))
        assert list(connection.events()) == [CloseConnection(code=1001, reason="bye")]

    def test_a_close_frame_is_found_behind_pongs(self) -> None:
        assert closes(b"\x8a\x02ab\x8a\x00" + close_frame(1000, "x"))

    @pytest.mark.parametrize("data", [b"", b"\x8a\x02\x88\x00", b"HTTP/1.1 101 x\r\n\r\n"])
    def test_and_nowhere_else(self, data: bytes) -> None:
        assert not closes(data)

    @pytest.mark.parametrize(("size", "count"), [(0, 0), (4, 0), (5, 1), (9, 1), (10, 2), (12, 3)])
    def test_a_frame_counts_once_it_is_whole(self, size: int, count: int) -> None:
        assert whole_frames([b"12345", b"67890", b"12"], size) == count


class TestUnmasking:
    @pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 65_535, 65_536, 65_537, 200_001])
    def test_it_undoes_the_masking(self, size: int) -> None:
        plain = bytes(at % 251 for at in range(size))
        mask = b"\x01\x80\xff\x33"
        frame = client_frame(plain, mask=mask)
        assert unmask(frame[len(frame) - size :], mask) == plain


class TestTexts:
    @pytest.mark.parametrize("size", SIZES)
    def test_a_whole_text_is_taken_apart(self, size: int) -> None:
        assert split_whole(client_frame(b"x" * size)) == ["x" * size]

    def test_no_more_than_asked_for(self) -> None:
        splitter = FrameSplitter(100)
        splitter.feed(client_frame(b"a") * 5)
        assert [len(splitter.take_texts(2)) for _ in range(4)] == [2, 2, 1, 0]

    @pytest.mark.parametrize("size", [2, 126, 65_536])
    def test_the_end_of_a_text_is_waited_for(self, size: int) -> None:
        frame = client_frame(b"x" * size)
        splitter = FrameSplitter(1 << 20)
        for cut in (1, 2, 7, len(frame) - 1):
            splitter.feed(frame[:cut])
            assert split(splitter) == []
            splitter.feed(frame[cut:])
            assert split(splitter) == ["x" * size]

    def test_characters_beyond_ascii_are_let_through(self) -> None:
        assert split_whole(client_frame("\u00fc\U0001f600".encode())) == ["\u00fc\U0001f600"]


class TestTheRest:
    @pytest.mark.parametrize("first", [BINARY, PING, PONG, CLOSE])
    def test_other_frames_are_passed_on_in_order(self, first: int) -> None:
        other = client_frame(b"o", first)
        assert split_whole(client_frame(b"a") + other + client_frame(b"b")) == ["a", other, "b"]

    def test_a_message_in_fragments_is_passed_on_with_what_lies_between(self) -> None:
        parts = client_frame(b"a", FRAGMENT) + client_frame(b"", PING) + client_frame(b"b", LAST)
        assert split_whole(parts + client_frame(b"c")) == [parts, "c"]

    def test_no_further_than_one_message(self) -> None:
        binary = client_frame(b"a", BINARY)
        assert split_whole(binary * 2) == [binary, binary]

    def test_a_large_one_in_pieces(self) -> None:
        binary = client_frame(b"a" * 10_000, BINARY)
        assert [len(piece) for piece in split_whole(binary)] == [4096, 4096, len(binary) - 8192]

    @pytest.mark.parametrize(
        "frame",
        [
            b"\xc1\x80abcd",  # a reserved bit
            b"\x81\x01a",  # not masked
            b"\x83\x80abcd",  # no such frame
            b"\x09\x80abcd",  # a ping in fragments
            b"\x89\xfe\x00\x7e",  # a ping of more than 125 bytes
            b"\x80\x80abcd",  # goes on with nothing
            b"\x81\xfe\x00\x7dabcd" + b"x" * 125,  # a length in two bytes instead of one
            b"\x81\xff\x00\x00\x00\x00\x00\x00\xff\xffabcd",  # in eight instead of two
            b"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00abcd",  # beyond 63 bits
            client_frame(b"\xff"),  # no UTF-8
        ],
    )
    def test_what_breaks_the_rules_is_passed_on_with_all_that_follows(self, frame: bytes) -> None:
        follows = client_frame(b"b")
        assert split_whole(client_frame(b"a") + frame + follows) == ["a", frame + follows]

    def test_a_new_message_within_another_is_passed_on(self) -> None:
        data = client_frame(b"a", FRAGMENT) + client_frame(b"b") + client_frame(b"c")
        assert split_whole(data) == [data]


class TestSize:
    @pytest.mark.parametrize("first", [TEXT, BINARY, FRAGMENT])
    @pytest.mark.parametrize("maximum", [100, 300, 70_000])
    def test_an_announcement_of_too_much_is_noticed_at_once(self, first: int, maximum: int) -> None:
        splitter = FrameSplitter(maximum)
        frame = client_frame(b"x" * (maximum + 1), first)
        splitter.feed(client_frame(b"a") + frame[:14])
        assert split(splitter) == ["a"]
        assert splitter.oversize

    @pytest.mark.parametrize("maximum", [100, 300, 70_000])
    def test_as_much_as_allowed_is_taken(self, maximum: int) -> None:
        assert split_whole(client_frame(b"x" * maximum), maximum) == ["x" * maximum]


TEXTS = st.text(max_size=200).map(lambda text: ([text], client_frame(text.encode())))
OTHERS = st.tuples(st.sampled_from([BINARY, PING, PONG]), st.binary(max_size=125)).map(
    lambda frame: ([client_frame(frame[1], frame[0])], b"")
)
PARTS = st.lists(st.tuples(st.binary(max_size=50), st.booleans()), min_size=1, max_size=4).map(
    lambda parts: (
        [
            b"".join(
                client_frame(part, (BINARY & 0x0F if at == 0 else 0))
                + (client_frame(b"p", PING) if ping else b"")
                for at, (part, ping) in enumerate(parts)
            )
            + client_frame(b"end", LAST)
        ],
        b"",
    )
)


@given(st.lists(TEXTS | OTHERS | PARTS, max_size=8), st.data())
def test_however_it_arrives_everything_comes_out_once_and_in_order(
    frames: list[tuple[list[bytes | str], bytes]], data: st.DataObject
) -> None:
    expected: list[bytes | str] = []
    stream = b""
    for (part,), encoded in frames:
        stream += encoded or part.encode() if isinstance(part, str) else part
        expected.append(part)
    splitter = FrameSplitter(1000)
    taken: list[bytes | str] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        splitter.feed(stream[:size])
        stream = stream[size:]
        taken += split(splitter)
    assert joined(taken) == joined(expected)


def joined(parts: list[bytes | str]) -> list[bytes | str]:
    """Join neighbouring bytes, which may be passed on in any pieces."""
    result: list[bytes | str] = []
    for part in parts:
        if isinstance(part, bytes) and result and isinstance(result[-1], bytes):
            result[-1] += part
        else:
            result.append(part)
    return result
