from __future__ import annotations

import socket
from contextlib import closing

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from benchmarks.figures import WorkNotDone
from benchmarks.loads.websocket import WebSocketConnection, WordCounter, text_frame
from tests.helpers import Task

WORD = b'"enqueued_at"'


@pytest.mark.parametrize("size", [1, 5, 12, 13, 14, 1000])
def test_words_are_counted_wherever_they_are_cut(size: int) -> None:
    data = b"".join(b"{%s:%d}" % (WORD, number) for number in range(20))
    counter = WordCounter(WORD)
    buffer = bytearray(2000)
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        buffer[: len(piece)] = piece
        counter.feed(buffer, len(piece))
    assert counter.seen == 20


def test_what_an_earlier_piece_left_in_the_buffer_does_not_count() -> None:
    counter = WordCounter(WORD)
    buffer = bytearray(WORD * 2)
    counter.feed(buffer, len(WORD))
    assert counter.seen == 1


def test_a_stream_that_ends_too_early_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = Task(lambda: count_three(listener.getsockname()[1]))
        server, _ = listener.accept()
        with server:
            assert server.recv(4096).endswith(b"\r\n\r\n")
            server.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + WORD * 2)
        with pytest.raises(WorkNotDone, match="closed after 2 of 3 messages"):
            task.result()


def count_three(port: int) -> None:
    with closing(WebSocketConnection(port, "/")) as client:
        client.count(WORD, 3)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_frames_are_what_a_client_sends(size: int) -> None:
    reader = StreamReader()
    reader.feed_data(text_frame(b"x" * size))
    parsing = Frame.parse(reader.read_exact, mask=True, max_size=None)
    with pytest.raises(StopIteration) as end:
        next(parsing)
    assert end.value.value == Frame(Opcode.TEXT, b"x" * size)
