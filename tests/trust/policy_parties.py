"""The parties of a lane with a policy: producers, consumers, and what happens to its queue.

Every message carries its producer, its number and the lifetime that it brings along. The server
tells when it accepted the message, so a consumer knows the exact moment of its expiry. A message
was surely handed out too late if it had expired before the consumer asked for it.
"""

from __future__ import annotations

import json
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

from tests.contract.raw import Api, Response, Wire
from tests.contract.servers import ServerProcess
from tests.helpers import LIMIT, wait_until
from tests.trust.leaving import Visit, visit_again_and_again, visit_http, visit_stream
from tests.trust.ledger import Identity, Ledger, Receiver
from tests.trust.policy_lanes import CHANGES, Lane

#: Seconds that a consumer waits for messages before it looks whether it is over.
LOOK = 0.2
#: Messages that a stream may have on their way.
CREDIT = 20
#: What a producer may be told where a policy does not let its messages in.
REFUSALS = frozenset({"queue_full", "batch_exceeds_capacity", "message_too_large"})
Party = Callable[[], None]


def now_us() -> int:
    """The time in whole microseconds since the epoch, as servers on this machine see it."""
    return time.time_ns() // 1000


def payload_of(message: Identity, own: float | None, size: int) -> str:
    """The payload that carries an identity and its own lifetime in microseconds (0: none)."""
    own_us = 0 if own is None else round(own * 1_000_000)
    return f"{message.producer}:{message.number}:{own_us}:".ljust(size, "x")


class Caller:
    """Sends requests on one connection, or on the next one where the server closes it.

    waitress does so after each 204, and says so. Use it in a ``with``.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._wire: Wire | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def request(self, method: str, target: str, body: object = None) -> Response:
        """Send a request, with a document as its body, and return the response."""
        if self._wire is None:
            self._wire = self._api.wire()
        data = None if body is None else json.dumps(body).encode()
        response = self._wire.request(method, target, data)
        if response.headers.get("connection") == "close":
            self._close()
        return response

    def _close(self) -> None:
        if self._wire is not None:
            self._wire.socket.close()
            self._wire = None


class Life:
    """A lane at work on one server. Each method that takes a number is a party with a thread."""

    def __init__(self, lane: Lane, server: ServerProcess) -> None:
        self.lane = lane
        self.api = Api(server.address)
        self.ledger = Ledger()
        self.enough = threading.Event()  # producers and fates end
        self.over = threading.Event()  # consumers end
        #: How often each thing happened, such as ``purged`` messages. See :meth:`count`.
        self.told: Counter[str] = Counter()
        self.late: list[str] = []  # messages that had expired when they were asked for
        self.faults: list[str] = []
        self._ws = server.url.replace("http", "ws") + f"/queues/{lane.name}"
        self._lock = threading.Lock()  # guards `told`
        #: The lifetime that the queue gives to all messages, in seconds.
        self.ttl = float(str(lane.policy.get("ttl_seconds", "inf")))

    @property
    def target(self) -> str:
        """The path of the queue."""
        return f"/queues/{self.lane.name}"

    def count(self, what: str, number: int = 1) -> None:
        """Take down that something happened."""
        with self._lock:
            self.told[what] += number

    def begin(self) -> None:
        """Create the queue."""
        assert self.api.put(self.target, self.lane.policy).status in (200, 201)

    # -- producers -----------------------------------------------------------------------------

    def produce(self, producer: int) -> None:
        """Enqueue over HTTP, each batch in one request."""
        dice = random.Random(producer)
        with Caller(self.api) as caller:
            for messages in self._batches(producer):
                own = dice.choice(self.lane.own)
                query = f"?timeout={self.lane.wait}" + ("" if own is None else f"&ttl={own}")
                body = {"payloads": [payload_of(m, own, self.lane.size) for m in messages]}
                self.ledger.send(messages)
                answer = caller.request("POST", f"{self.target}/enqueue{query}", body).json()
                self._take_answer(messages, answer)

    def produce_websocket(self, producer: int) -> None:
        """Enqueue over WebSocket, a message a frame; the session gives all one lifetime."""
        own = self.lane.own[-1]
        query = "" if own is None else f"?ttl={own}"
        with connect(f"{self._ws}/enqueue{query}", compression=None) as peer:
            for messages in self._batches(producer):
                self.ledger.send(messages)
                for message in messages:
                    peer.send(json.dumps({"payload": payload_of(message, own, self.lane.size)}))
                for message in messages:
                    self._take_answer([message], json.loads(peer.recv(LIMIT)))

    def _batches(self, producer: int) -> Iterator[list[Identity]]:
        number = 0
        while not self.enough.is_set():
            yield [Identity(producer, number + each) for each in range(self.lane.batch)]
            number += self.lane.batch
            time.sleep(self.lane.rest)

    def _take_answer(self, messages: list[Identity], answer: Mapping[str, Any]) -> None:
        code = answer.get("error")
        if code is None:
            self.ledger.accept(len(messages))
            self.count("dropped", answer.get("dropped", 0))
        else:
            self.ledger.refuse(messages)
            self.count("refused", len(messages))
            if code not in REFUSALS:
                self.faults.append(f"a producer was told {answer}")

    # -- consumers -----------------------------------------------------------------------------

    def poll(self, timeout: float, count: int) -> None:
        """Dequeue over HTTP; with a ``timeout`` of 0 nothing is waited for."""
        receiver = self.ledger.receiver()
        with Caller(self.api) as caller:
            while True:
                came = self._poll_once(caller, timeout, count, receiver)
                if not came and self.over.is_set():
                    return
                time.sleep(self.lane.consumers_rest)

    def stream(self, count: int | None) -> None:
        """Take what is pushed, in rounds; at the end of a round some of it goes back."""
        receiver, dice = self.ledger.receiver(), random.Random(count)
        query = f"?credit={CREDIT}" + ("" if count is None else f"&count={count}")
        asked = now_us()
        with connect(f"{self._ws}/dequeue{query}", compression=None) as peer:
            while True:
                messages = list(_received(peer, CREDIT))
                back = dice.randint(0, min(3, len(messages)))
                messages += _returned(peer, back)
                self.check(asked, messages, "streamed")
                kept = messages[: len(messages) - back]
                receiver.take(message["payload"] for message in kept)
                if not messages and self.over.is_set():
                    return
                time.sleep(self.lane.consumers_rest)
                asked = now_us()
                peer.send(json.dumps({"credit": CREDIT}))

    def drain(self) -> None:
        """Take all that is left."""
        receiver = self.ledger.receiver()
        with Caller(self.api) as caller:
            while self._poll_once(caller, 0, 1000, receiver):
                pass

    def _poll_once(self, caller: Caller, timeout: float, count: int, receiver: Receiver) -> int:
        query = f"?count={count}" + (f"&timeout={timeout}" if timeout else "")
        asked = now_us()
        response = caller.request("GET", f"{self.target}/dequeue{query}")
        if response.status == 204:
            return 0
        messages = response.json()["messages"]
        self.check(asked, messages, "handed out")
        receiver.take(message["payload"] for message in messages)
        return len(messages)

    def peek(self, caller: Caller) -> None:
        """Look at the oldest messages."""
        asked = now_us()
        response = caller.request("GET", f"{self.target}/peek?count=100")
        if response.status == 200:
            self.check(asked, response.json()["messages"], "peeked at")

    def check(self, asked: int, messages: Iterable[Mapping[str, Any]], how: str) -> None:
        """Take down each message that had expired before it was asked for."""
        for message in messages:
            own = int(message["payload"].split(":", 3)[2]) or math.inf
            over = asked - message["enqueued_at"] - min(own, self.ttl * 1_000_000)
            if over >= 0:
                self.late.append(f"{how} {over} us too late: {message}"[:200])
            self.count(how.replace(" ", "_"))

    # -- fates ---------------------------------------------------------------------------------

    def purge(self) -> None:
        """Purge the queue again and again."""
        while not self.enough.wait(0.3):
            self.count("purged", self.api.post(f"{self.target}/purge").json()["purged"])
            self.count("purges")

    def change(self) -> None:
        """Change the policy again and again; some other fields of it are wrong."""
        dice = random.Random(1)
        while not self.enough.wait(0.2):
            response = self.api.request("PATCH", self.target, dice.choice(CHANGES))
            wrong = self.api.request("PATCH", self.target, {"capacity": 1, "ttl_seconds": -1})
            if (response.status, wrong.status) != (200, 400):
                self.faults.append(f"PATCH was answered {response} and {wrong}")
            self.count("changes")
        assert self.api.request("PATCH", self.target, {"capacity": 10_000}).status == 200

    def delete(self) -> None:
        """Delete the queue again and again; a producer or this creates it anew."""
        while not self.enough.wait(0.4):
            response = self.api.delete(self.target)
            if response.status == 200:
                self.count("dropped_with_the_queue", response.json()["dropped"])
                self.count("deletions")
            self.begin()

    def idle(self) -> None:
        """Fill and drain the queue, and leave it alone until it is gone."""
        receiver = self.ledger.receiver()
        with Caller(self.api) as caller:
            for messages in self._batches(0):
                body = {"payloads": [payload_of(message, None, 0) for message in messages]}
                self.ledger.send(messages)
                answer = caller.request("POST", f"{self.target}/enqueue", body).json()
                self._take_answer(messages, answer)
                while self._poll_once(caller, 0, 3, receiver):
                    pass
                wait_until(lambda: caller.request("GET", self.target).status == 404)
                self.count("idle_deletions")

    def leave_http(self) -> None:
        """Ask and leave in every way, with resets too.

        Not with half of a connection: only the native server still answers a client that closes
        one half.
        """
        self._leave(partial(visit_http, queue=self.lane.name, manners=("fin", "reset")), 0)

    def leave_streams(self) -> None:
        """Open streams and leave them, in good order or not."""
        self._leave(partial(visit_stream, queue=self.lane.name), 1)

    def _leave(self, visit: Visit, seed: int) -> None:
        cost = visit_again_and_again(visit, self.api.address, seed, self.ledger, self.enough)
        self.count("may_be_lost", cost)


def parties(life: Life, *, websockets: bool) -> tuple[list[Party], list[Party], list[Party]]:
    """The producers, consumers and fates of a lane, to be run on threads."""
    if life.lane.fate == "idle":
        return [], [], [life.idle]
    producers: list[Party] = [partial(life.produce, 0)]
    consumers: list[Party] = [partial(life.poll, LOOK, 7), partial(life.poll, 0, 3)]
    fates: list[Party] = []
    if life.lane.fate in ("purge", "change", "delete"):
        fates = [getattr(life, life.lane.fate)]
    if life.lane.fate == "left":
        fates = [life.leave_http, life.leave_streams][: 1 + websockets]
    if websockets:
        producers.append(partial(life.produce_websocket, 1))
        consumers.append(partial(life.stream, 7 if life.lane.size else None))
    else:
        producers.append(partial(life.produce, 1))
    return producers, consumers, fates


def _received(peer: ClientConnection, count: int) -> Iterator[dict[str, Any]]:
    """Up to so many messages, until none comes for a while."""
    came = 0
    while came < count:
        try:
            document = json.loads(peer.recv(LOOK))
        except TimeoutError:
            return
        messages = document.get("messages", [document])
        came += len(messages)
        yield from messages


def _returned(peer: ClientConnection, count: int) -> list[dict[str, Any]]:
    """Return the last messages that were sent; what had been sent by then comes before."""
    peer.send(json.dumps({"put_back": count, "stop": True}))
    messages: list[dict[str, Any]] = []
    while True:
        document = json.loads(peer.recv(LIMIT))
        if "error" in document:
            raise AssertionError(document)
        if "put_back" in document:
            return messages
        messages += document.get("messages", [document])
