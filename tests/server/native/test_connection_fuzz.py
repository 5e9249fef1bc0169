"""Clients that do anything: the loop goes on, and no message is lost, doubled or out of order."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.raw import request_bytes
from tests.helpers import Task, wait_until
from tests.server.native.rig import Pipe, Rig
from zoldyq.server.native.http.engine import Times

pytestmark = pytest.mark.slow

DEQUEUE = request_bytes("GET", "/queues/q/dequeue")
SMALL_BUFFER = 4096

_ACTIONS = st.sampled_from(
    [
        *(DEQUEUE, DEQUEUE, request_bytes("GET", "/queues/q/dequeue?count=3")),
        *(request_bytes("GET", "/queues/q/dequeue?timeout=0.001"), b"\r\n", b"garbage\r\n\r\n"),
        *(request_bytes("GET", "/queues/q/dequeue", connection="close"), b"GET / HTTP/1.1\r\n"),
        *(request_bytes("POST", "/queues/q/enqueue", b"{"), b"\x00"),
        # Not for long: while it waits, the kernel may take no more of what the client sends.
        request_bytes("GET", "/queues/q/dequeue?timeout=0.2"),
        request_bytes("GET", "/nothing"),
        request_bytes("GET", "/queues/q/enqueue", connection="Upgrade", upgrade="websocket"),
    ]
)


def send_what_is_taken(pipe: Pipe, stream: bytes, cut: int) -> None:
    """Send a stream in pieces, until the server wants no more."""
    with suppress(OSError):
        for at in range(0, len(stream), cut):
            pipe.send(stream[at : at + cut])
        pipe.half_close()


@given(
    pieces=st.lists(_ACTIONS | st.binary(max_size=10), max_size=12),
    cut=st.integers(1, 400),
    messages=st.integers(0, 12),
    size=st.sampled_from([0, 20_000]),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_client_sends_each_message_is_received_or_still_there(
    pieces: list[bytes], cut: int, messages: int, size: int
) -> None:
    payloads = [f"{number}{'x' * size}" for number in range(messages)]
    not_found = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    with Rig(Times(head=0.3, body=0.3, idle=0.3, send=0.3), answer=not_found) as rig:
        rig.queues.create("q", capacity=1000)
        rig.enqueue("q", *payloads)
        _, pipe = rig.connect(buffer=SMALL_BUFFER)
        with pipe:
            sending = Task(partial(send_what_is_taken, pipe, b"".join(pieces), cut))
            received = pipe.payloads()
            sending.result()
        wait_until(lambda: rig.ended == 1)
        # The loop lives, and serves others.
        _, other = rig.connect()
        with other:
            other.send(request_bytes("GET", "/queues/other/dequeue"))
            assert other.response().status == 204
        assert rig.queues.stats("q").waiting_consumers == 0
        assert received + rig.left("q") == payloads


@given(reads=st.integers(0, 60_000), requests=st.integers(1, 30), count=st.integers(1, 5))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_whenever_a_client_leaves_what_is_left_is_in_order_and_whole(
    reads: int, requests: int, count: int
) -> None:
    payloads = [f"{number}{'x' * 3000}" for number in range(60)]
    with Rig() as rig:
        rig.enqueue("q", *payloads)
        _, pipe = rig.connect(buffer=SMALL_BUFFER)
        with pipe:
            pipe.send(request_bytes("GET", f"/queues/q/dequeue?count={count}") * requests)
            received = 0
            while received < reads and received < requests * count * 3000 - 1:
                received += len(pipe.socket.recv(reads - received))
        wait_until(lambda: rig.ended == 1)
        left = rig.left("q")
    assert left == payloads[60 - len(left) :]
    # Nothing can be missing but what the client read, and what two socket buffers hold.
    assert (60 - len(left)) * 3000 <= received + 100_000
