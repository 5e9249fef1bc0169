"""The rules of RFC 6455, one message or one offence a case, over an echo on the session code.

The groups are those of the Autobahn test suite, which has many more cases (tests/trust/autobahn).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.trust.autobahn.echo import PATH, echoing
from tests.websocket.client import RawClient
from tests.websocket.frames import (
    BEGIN,
    BEGIN_BINARY,
    BINARY,
    CLOSE,
    END,
    HANDSHAKE,
    MORE,
    PING,
    PONG,
    TEXT,
    Frame,
    client_frame,
    close_payload,
)

PROTOCOL_ERROR, NOT_UTF8 = 1002, 1007

HELLO = client_frame(b"hello")
HELLO_BACK = Frame(TEXT, b"hello")
COSMOS = "\u03ba\u1f79\u03c3\u03bc\u03b5\U0001f30c".encode()


class Case(NamedTuple):
    """What is sent; what comes back; and the close code, None if the session goes on."""

    name: str
    sent: bytes
    answers: list[Frame]
    code: int | None = None


def echoes() -> Iterator[Case]:
    """Group 1: whole messages of every kind of length."""
    for size in (0, 1, 125, 126, 127, 65_535, 65_536):
        for kind in (TEXT, BINARY):
            data = b"*" * size
            yield Case(f"{kind:x} of {size}", client_frame(data, kind), [Frame(kind, data)])


def pings() -> Iterator[Case]:
    """Group 2."""
    for data in (b"", b"hello", bytes(range(125)), b"\xff" * 125):
        yield Case(f"ping {len(data)}", client_frame(data, PING), [Frame(PONG, data)])
    yield Case("ping 126", HELLO + client_frame(b"x" * 126, PING), [HELLO_BACK], PROTOCOL_ERROR)
    yield Case("pong unasked", client_frame(b"x", PONG) + HELLO, [HELLO_BACK])
    ten = [bytes((48 + number,)) for number in range(10)]
    yield Case(
        "ten pings",
        b"".join(client_frame(data, PING) for data in ten),
        [Frame(PONG, data) for data in ten],
    )


def reserved_bits() -> Iterator[Case]:
    """Group 3: no extension is ever agreed upon that would give them a meaning."""
    for bits in range(0x10, 0x80, 0x10):
        for kind in (TEXT, BINARY, PING, CLOSE):
            sent = HELLO + client_frame(b"", kind | bits) + HELLO
            yield Case(f"{kind | bits:x}", sent, [HELLO_BACK], PROTOCOL_ERROR)


def opcodes() -> Iterator[Case]:
    """Group 4: those without a meaning, for data and for control."""
    for opcode in (*range(3, 8), *range(11, 16)):
        for data in (b"", b"x"):
            sent = HELLO + client_frame(data, END | opcode) + client_frame(b"", PING)
            yield Case(f"{opcode} of {len(data)}", sent, [HELLO_BACK], PROTOCOL_ERROR)


def fragments() -> Iterator[Case]:
    """Group 5."""
    hello = [client_frame(b"hel", BEGIN), client_frame(b"lo", END)]
    ping, pong = client_frame(b"p", PING), Frame(PONG, b"p")
    yield Case("two", b"".join(hello), [HELLO_BACK])
    yield Case("a ping between", ping.join(hello), [pong, HELLO_BACK])
    yield Case(
        "empty ones",
        client_frame(b"", BEGIN_BINARY) + client_frame(b"", MORE) * 3 + client_frame(b"", END),
        [Frame(BINARY, b"")],
    )
    yield Case(
        "pings everywhere",
        ping.join([client_frame(b"a", BEGIN), *[client_frame(b"b", MORE)] * 5, hello[1]]),
        [*[pong] * 6, Frame(TEXT, b"abbbbblo")],
    )
    for first in (PING, PONG, CLOSE):
        sent = client_frame(b"", first & ~END) + client_frame(b"", END)
        yield Case(f"of {first:x}", HELLO + sent, [HELLO_BACK], PROTOCOL_ERROR)
    for first in (MORE, END):
        sent = HELLO + client_frame(b"x", first) + HELLO
        yield Case(f"without a begin, {first:x}", sent, [HELLO_BACK], PROTOCOL_ERROR)
    for first in (TEXT, BINARY, BEGIN, BEGIN_BINARY):
        sent = hello[0] + client_frame(b"x", first) + hello[1]
        yield Case(f"with a new message inside, {first:x}", sent, [], PROTOCOL_ERROR)


def characters() -> Iterator[Case]:
    """Group 6."""
    yield Case("whole", client_frame(COSMOS), [Frame(TEXT, COSMOS)])
    cut = [bytes((byte,)) for byte in COSMOS]
    sent = client_frame(b"", BEGIN) + b"".join(client_frame(byte, MORE) for byte in cut)
    yield Case("a byte a fragment", sent + client_frame(b"", END), [Frame(TEXT, COSMOS)])
    for fault in (
        b"\x80",
        b"\xc0\x80",
        b"\xc3",
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xf0\x80\x80\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xfe",
    ):
        text = COSMOS + fault
        yield Case(fault.hex(), HELLO + client_frame(text), [HELLO_BACK], NOT_UTF8)
        parts = [client_frame(text[:-1], BEGIN), client_frame(text[-1:], END)]
        yield Case(f"{fault.hex()} in fragments", b"".join(parts), [], NOT_UTF8)
    # What cannot be put right any more is refused although the message has not ended.
    yield Case("at once", client_frame(COSMOS + b"\xf4\x90", BEGIN), [], NOT_UTF8)
    yield Case("any bytes in a binary one", client_frame(b"\xff", BINARY), [Frame(BINARY, b"\xff")])


def closes() -> Iterator[Case]:
    """Group 7. The answer to a close frame repeats its code."""
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        sent = client_frame(close_payload(code, COSMOS), CLOSE) + HELLO
        yield Case(f"{code}", HELLO + sent, [HELLO_BACK], code)
    for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535):
        yield Case(f"{code}", client_frame(close_payload(code), CLOSE), [], PROTOCOL_ERROR)
    yield Case("half a code", client_frame(b"\x03", CLOSE), [], PROTOCOL_ERROR)
    long = close_payload(1000, b"x" * 123)
    yield Case("the longest reason", client_frame(long, CLOSE), [], 1000)
    yield Case("a longer one", client_frame(long + b"x", CLOSE), [], PROTOCOL_ERROR)
    bad = close_payload(1000, b"\xce\xba\xed\xa0")
    yield Case("a reason not of UTF-8", client_frame(bad, CLOSE), [], NOT_UTF8)
    close = client_frame(close_payload(1000), CLOSE)
    yield Case("twice", close + close, [], 1000)
    yield Case("pinged after it", close + client_frame(b"", PING), [], 1000)
    yield Case("in the midst of a message", client_frame(b"x", BEGIN) + close, [], 1000)


def masks_and_lengths() -> Iterator[Case]:
    """What no well-meaning client can even be told to send."""
    yield Case("not masked", HELLO + b"\x81\x01a", [HELLO_BACK], PROTOCOL_ERROR)
    yield Case("a ping not masked", HELLO + b"\x89\x00", [HELLO_BACK], PROTOCOL_ERROR)
    yield Case("two bytes for one", b"\x81\xfe\x00\x7dabcd" + b"x" * 125, [], PROTOCOL_ERROR)
    yield Case(
        "eight for two", b"\x82\xff" + (65_535).to_bytes(8, "big") + b"abcd", [], PROTOCOL_ERROR
    )
    yield Case("beyond 63 bits", b"\x82\xff\x80" + bytes(7) + b"abcd", [], PROTOCOL_ERROR)
    yield Case(
        "16 MiB and a byte", b"\x82\xff" + ((16 << 20) + 1).to_bytes(8, "big") + b"abcd", [], 1009
    )
    yield Case("all there is", b"\x81\xff\x7f" + b"\xff" * 7 + b"abcd", [], 1009)


def pieces_of(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def large_ones() -> Iterator[Case]:
    """Group 10: large messages in many fragments."""
    data = bytes(range(256)) * 512
    first, *others = pieces_of(data, 1300)
    sent = client_frame(first, BEGIN_BINARY) + b"".join(client_frame(p, MORE) for p in others)
    yield Case("131 kB", sent + client_frame(b"", END), [Frame(BINARY, data)])


GROUPS: list[Callable[[], Iterator[Case]]] = [
    echoes,
    pings,
    reserved_bits,
    opcodes,
    fragments,
    characters,
    closes,
    masks_and_lengths,
    large_ones,
]
CASES = [
    pytest.param(case, id=f"{group.__name__}: {case.name}") for group in GROUPS for case in group()
]
#: No longer than this byte by byte: a session wakes for each.
SHORT = 500


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with echoing() as address:
        yield address


def connect(address: tuple[str, int]) -> RawClient:
    sock = socket.create_connection(address)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = RawClient(sock)
    client.handshake(PATH, HANDSHAKE)
    assert client.status == 101
    return client


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("case", CASES)
def test_each_case_in_pieces_of_any_size(address: tuple[str, int], case: Case, size: int) -> None:
    if len(case.sent) > SHORT * size:
        size = 1000
    with connect(address) as client:
        for piece in pieces_of(case.sent, size):
            client.send(piece)
        assert [client.receive() for _ in case.answers] == case.answers
        if case.code is None:
            client.send(client_frame(close_payload(1000), CLOSE))
        assert client.receive_close() == (case.code or 1000)


def test_a_close_frame_without_a_code_gets_one_without() -> None:
    with echoing() as address, connect(address) as client:
        client.send(client_frame(b"", CLOSE))
        assert client.receive() == Frame(CLOSE, b"")
        client.expect_end()
