"""Frames that a generator made up, most of them nearly right: nothing but the rules decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from wsproto.connection import SERVER, Connection
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason

from tests.helpers import wait_until
from tests.websocket.frames import BINARY, CLOSE, PING, PONG, TEXT, client_frame, close_payload
from tests.websocket.server import WebSocketServer, running
from zoldyq.server.websocket.frames import FrameSplitter

#: Nothing that a frame can announce is larger.
pytestmark = pytest.mark.slow

NO_LIMIT = 1 << 64


class Outcome(NamedTuple):
    """What a stream of bytes amounts to: messages and control frames in order, and its end."""

    events: list[object]
    code: int | None


class Reader:
    """wsproto, which knows all the rules and is slow. Its events are messages again."""

    def __init__(self) -> None:
        self._connection = Connection(SERVER)
        self._parts: list[str | bytes] = []
        self.events: list[object] = []
        self.code: int | None = None

    def read(self, data: bytes) -> None:
        """Take bytes until the stream has ended, whatever follows."""
        if self.code is not None:
            return
        self._connection.receive_data(data)
        for event in self._connection.events():
            if isinstance(event, CloseConnection):
                self.code = int(event.code)
                return
            self._take(event)

    def _take(self, event: object) -> None:
        if isinstance(event, Ping | Pong):
            self.events.append((type(event).__name__, bytes(event.payload)))
            return
        assert isinstance(event, TextMessage | BytesMessage)
        self._parts.append(event.data if isinstance(event.data, str) else bytes(event.data))
        if event.message_finished:
            empty = self._parts[0][:0]
            self.events.append(empty.join(self._parts))  # type: ignore[arg-type]
            self._parts.clear()


def read_by_the_library(stream: bytes) -> Outcome:
    reader = Reader()
    reader.read(stream)
    return Outcome(reader.events, reader.code)


def read_by_the_splitter(pieces: Iterator[bytes]) -> Outcome:
    """Read as a connection does: whole texts from the splitter, the rest by the library."""
    splitter, reader = FrameSplitter(NO_LIMIT), Reader()
    for piece in pieces:
        splitter.feed(piece)
        while True:
            texts = splitter.take_texts(3)
            rest = splitter.take_rest(50)
            if reader.code is not None or not (texts or rest):
                break
            reader.events += [text.decode() for text in texts]
            reader.read(rest)
    return Outcome(reader.events, reader.code)


def cut(stream: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The stream in pieces of these sizes, again and again."""
    at = 0
    while at < len(stream):
        for size in sizes:
            yield stream[at : at + size]
            at += size


FIRST = st.sampled_from([TEXT] * 4 + [BINARY, PING, PONG, CLOSE, 0x01, 0x02, 0x00, 0x80, 0x80])
PAYLOAD = (
    st.text(max_size=40).map(str.encode)
    | st.binary(max_size=130)
    | st.sampled_from([b'{"payload":1}', b'{"payloads":[1,2]}', b'{"credit":3}', b"x" * 70_000])
    | st.integers(0, 5_000).map(close_payload)
)
FRAME = st.builds(
    client_frame, PAYLOAD, FIRST | st.integers(0, 255), st.binary(min_size=4, max_size=4)
)
#: Where, as a part of the whole, and which bits are turned over.
FAULTS = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=2)
SIZES = st.lists(st.integers(1, 200), min_size=1, max_size=4) | st.just([1 << 20])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    stream = bytearray(b"".join(draw(st.lists(FRAME, min_size=1, max_size=8))))
    for where, bits in draw(FAULTS):
        stream[int(where * len(stream))] ^= bits
    return bytes(stream)


@settings(max_examples=400)
@given(streams(), SIZES)
@example(client_frame(b"\xff") + client_frame(b"a"), [3])
def test_the_splitter_reads_a_stream_as_the_library_does(stream: bytes, sizes: list[int]) -> None:
    expected = read_by_the_library(stream)
    outcome = read_by_the_splitter(cut(stream, sizes))
    if expected.code == CloseReason.INVALID_FRAME_PAYLOAD_DATA and outcome.code is None:
        # A text that is no UTF-8 is refused once it is whole; the library saw a part of it.
        assert outcome.events == expected.events
    else:
        assert outcome == expected


@pytest.fixture(scope="module")
def server() -> Iterator[WebSocketServer]:
    with running(max_message_bytes=1000) as server:
        yield server


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams(), SIZES, st.sampled_from(["enqueue", "dequeue", "dequeue?credit=2"]))
def test_a_session_survives_or_ends_and_the_server_goes_on(
    server: WebSocketServer, stream: bytes, sizes: list[int], path: str
) -> None:
    with server.raw(f"/queues/a/{path}") as hostile:
        try:
            for piece in cut(stream, sizes):
                hostile.send(piece)
        except OSError:
            pass  # the session has ended, and its socket with it
    with server.raw("/queues/b/enqueue") as client:
        client.send(client_frame(b'{"payload":1}'))
        assert client.receive().document["queued"]
    wait_until(lambda: server.sessions.open == 0)
