"""Producers and consumers that keep the ledger, over each way into the queues.

Each is a function to run on a thread of its own. Producers end when all they had was accepted, or
when the server is stopping; consumers when they are told that it is over, or when the server
closes the connection.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator, Sequence

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.contract.raw import Wire, request_bytes
from tests.helpers import wait_until
from tests.trust.ledger import Identity, Ledger, Receiver, payload_of
from tests.websocket.frames import (
    CLOSE,
    HANDSHAKE,
    TEXT,
    client_frame,
    close_payload,
    split_frames,
)
from zoldyq.contract.errors import QueueFull
from zoldyq.queue import QueueManager

Address = tuple[str, int]

#: How long consumers wait for a message before they look whether it is over, in seconds.
LOOK = 0.2


def batches(producer: int, count: int, size: int) -> Iterator[list[Identity]]:
    """The messages of a producer, so many at a time."""
    for start in range(0, count, size):
        yield [Identity(producer, number) for number in range(start, min(start + size, count))]


def produce(
    address: Address,
    queue: str,
    ledger: Ledger,
    producer: int,
    count: int,
    *,
    batch: int = 1,
    size: int = 0,
    over: threading.Event | None = None,
) -> None:
    """Enqueue over HTTP, waiting for room where there is none, until all is sent or it is over."""
    target = f"/queues/{queue}/enqueue?timeout=10"
    with Wire(address) as wire:
        for messages in batches(producer, count, batch):
            if over is not None and over.is_set():
                return
            body = _body([payload_of(message, size) for message in messages])
            ledger.send(messages)
            status = _status(wire, request_bytes("POST", target, body))
            if status == 200:
                ledger.accept(len(messages))
            elif status is None:
                ledger.give_up(len(messages))
                return
            else:
                assert status == 503, status
                ledger.refuse(messages)
                return


def consume(
    address: Address, queue: str, ledger: Ledger, over: threading.Event, count: int = 1
) -> None:
    """Dequeue over HTTP with long polls."""
    receiver = ledger.receiver()
    request = request_bytes("GET", f"/queues/{queue}/dequeue?timeout={LOOK}&count={count}")
    with Wire(address) as wire:
        while (payloads := _polled(wire, request)) is not None:
            receiver.take(payloads)
            if not payloads and over.is_set():
                return


def produce_websocket(
    url: str,
    queue: str,
    ledger: Ledger,
    producer: int,
    count: int,
    *,
    window: int = 20,
    over: threading.Event | None = None,
) -> None:
    """Enqueue over WebSocket, with up to ``window`` messages awaiting their answers."""
    with connect(f"{url.replace('http', 'ws')}/queues/{queue}/enqueue", compression=None) as peer:
        for messages in batches(producer, count, window):
            if over is not None and over.is_set():
                return
            ledger.send(messages)
            answers = []
            try:
                for message in messages:
                    peer.send(json.dumps({"payload": payload_of(message)}))
                answers += [json.loads(peer.recv()) for _ in messages]
            except ConnectionClosed:
                ledger.give_up(len(messages))
                return
            refused = [m for m, answer in zip(messages, answers, strict=True) if "error" in answer]
            ledger.accept(len(messages) - len(refused))
            ledger.refuse(refused)
            if answers[-1].get("error") == "shutting_down":
                return


class Stream:
    """A WebSocket consumer that reads to the end on a thread of its own, if it reads at all."""

    def __init__(self, address: Address, queue: str, query: str = "", buffer: int = 0) -> None:
        self.wire = Wire(address)
        if buffer:
            set_buffer(self.wire, buffer)
        self.wire.send(handshake(f"/queues/{queue}/dequeue{query}"))
        assert self.wire.response().status == 101

    def say_goodbye(self) -> None:
        """Send a close frame: nothing more is taken for this consumer, and the end comes soon."""
        self.wire.send(client_frame(close_payload(1000), CLOSE))

    def read_to_the_end(self, receiver: Receiver) -> int | None:
        """Take down all messages until the server closes; return the code of its close frame."""
        data = self.wire.rest()
        self.wire.socket.close()
        code = None
        for frame in split_frames(data):
            if frame.first == TEXT:
                messages = frame.document.get("messages", [frame.document])
                receiver.take(message["payload"] for message in messages)
            elif frame.first == CLOSE:
                code = frame.close_code
        return code


def handshake(target: str) -> bytes:
    """The request that opens a WebSocket."""
    return request_bytes("GET", target, **{k.replace("-", "_"): v for k, v in HANDSHAKE.items()})


def set_buffer(wire: Wire, size: int) -> None:
    """Have the kernel take no more than about ``size`` bytes that the client does not read."""
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def produce_in_process(
    manager: QueueManager, queue: str, ledger: Ledger, producer: int, count: int
) -> None:
    """Enqueue without any server, until there is room or the queues are closed."""
    for messages in batches(producer, count, 3):
        payloads = [json.dumps(payload_of(message)).encode() for message in messages]
        ledger.send(messages)
        wait_until(lambda: _offered(manager, queue, payloads))  # noqa: B023 - called at once
        ledger.accept(len(messages))


def consume_in_process(
    manager: QueueManager, queue: str, ledger: Ledger, over: threading.Event
) -> None:
    """Dequeue without any server, standing in the same line as all others."""
    receiver = ledger.receiver()
    while True:
        messages = manager.dequeue_many(queue, 5, LOOK)
        receiver.take(json.loads(message.payload) for message in messages)
        if not messages and over.is_set():
            return


def _body(payloads: Sequence[str]) -> bytes:
    document = {"payload": payloads[0]} if len(payloads) == 1 else {"payloads": payloads}
    return json.dumps(document).encode()


def _status(wire: Wire, request: bytes) -> int | None:
    """Send a request and return the status of its answer; None if the server has closed."""
    try:
        wire.send(request)
    except OSError:
        return None
    return None if wire.is_closed() else wire.response().status


def _polled(wire: Wire, request: bytes) -> list[str] | None:
    """Send a dequeue and return what came; None if the server has closed."""
    try:
        wire.send(request)
    except OSError:
        return None
    if wire.is_closed():
        return None
    response = wire.response()
    if response.status == 204:
        return []
    assert response.status == 200, response
    return [message["payload"] for message in response.json()["messages"]]


def _offered(manager: QueueManager, queue: str, payloads: Sequence[bytes]) -> bool:
    try:
        manager.enqueue_many(queue, payloads)
    except QueueFull:
        return False
    return True
