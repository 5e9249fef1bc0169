"""WebSocket sessions that dequeue: messages are pushed as they become available.

Two threads belong to such a session. The *streamer* (the one that calls :meth:`run`) stands in
the queue's line, takes messages and writes them. The *reader* runs the connection: it answers
pings and close frames, takes grants of credit, and tells the streamer when the consumer has gone.

Messages leave the queue in bursts. What the kernel did not take whole goes back to the head; what
it did take counts as delivered, whether or not the consumer ever reads it. A consumer that wants
to bound that asks for credit. It may then also return what it was sent and does not want.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from time import sleep

import msgspec

from zoldyq import wire
from zoldyq.contract.errors import InvalidJson, UnknownField, ZoldyQError
from zoldyq.queue import Bell, Delivery, Message, check_queue_name
from zoldyq.server.api.operations import Operations
from zoldyq.server.api.waits import Wait
from zoldyq.server.websocket.channel import Channel
from zoldyq.server.websocket.connection import LINGER_SECONDS, YIELD_SECONDS, Connection
from zoldyq.server.websocket.frames import (
    GOING_AWAY,
    POLICY_VIOLATION,
    text_frame,
    whole_frames,
)
from zoldyq.server.websocket.unsettled import Unsettled

#: Messages taken at once, one a frame and several a frame: about 0.3 ms of work for either, as
#: longer bursts keep other threads from the interpreter.
BURST_SINGLE = 256
BURST_BATCHED = 1024

#: Bytes of payload taken at once. It bounds a frame of several messages, too, since clients
#: refuse frames of more than 1 MiB unless they are told otherwise.
BURST_BYTES = 256 << 10

#: Bad frames that a consumer may send between two good ones before its session ends.
MAX_BAD_FRAMES = 100


class Stream(msgspec.Struct, frozen=True):
    """What a consumer asked for.

    ``count`` messages a frame at the most, None for frames of a single message; ``credit``
    messages until it grants more, None for no limit.
    """

    name: str
    count: int | None
    credit: int | None
    max_grant: int


def parse_stream(name: str, query: str, maximum: int) -> Stream:
    """Read what a consumer asks for; ``maximum`` bounds count, credit and each grant.

    Raises:
        InvalidQueueName: the name breaks the rule for names.
        InvalidCount: ``count`` or ``credit`` is no whole number from 1 to ``maximum``.
    """
    check_queue_name(name)
    parameters = wire.parse_query(query)
    count = wire.parse_count(parameters.get("count"), maximum)
    credit = wire.parse_count(parameters.get("credit"), maximum, "credit")
    return Stream(name, count, credit, maximum)


class DequeueSession:
    """A consumer's session."""

    def __init__(self, operations: Operations, stream: Stream, channel: Channel) -> None:
        self._operations = operations
        self._queues = operations.queues
        self._stream = stream
        self._channel = channel
        channel.on_closing = self._stop_waiting
        self._per_frame = min(stream.count or 1, BURST_BATCHED)
        burst = BURST_SINGLE if stream.count is None else BURST_BATCHED
        self._burst = burst - burst % self._per_frame
        # Rung when messages were handed over, credit was granted or the session is to end.
        self._bell = Bell()
        self._handed_over = False  # set before the bell is rung, cleared before joining a line
        self._wait: Wait[Delivery] | None = None  # of the streamer; only it sets this
        # Guards the credit, which the reader adds to and the streamer takes from.
        self._credit_lock = threading.Lock()
        self._credit = stream.credit
        # Held from the first byte of a burst until it is written down in _unsettled, which it
        # guards. So what is put back was sent, and the answer stands between the right frames.
        self._sending = threading.Lock()
        self._unsettled = Unsettled(operations.limits.max_body_bytes)
        self._bad_frames = 0  # the reader's alone

    def run(self, connection: Connection) -> None:
        """Push messages until the consumer leaves or the session is closed."""
        reader = threading.Thread(
            target=self._read, args=(connection,), name="zoldyq-websocket-reader", daemon=True
        )
        reader.start()
        try:
            self._push()
        finally:
            self._channel.start_close(GOING_AWAY, "the stream has ended")
            reader.join(LINGER_SECONDS)
            self._channel.abort()
            reader.join()

    def close(self, code: int, reason: str) -> None:
        """Have the session end with a close frame, from any thread."""
        self._channel.start_close(code, reason)

    # -- the streamer ------------------------------------------------------------------------

    def _push(self) -> None:
        while not self._channel.closing:
            room = self._room()
            if not room:
                self._bell.sleep(None)
                continue
            taken = self._take(room)
            if taken.messages:
                self._deliver(taken)
            elif self._queues.draining:
                return
            if taken.queue_size:
                sleep(YIELD_SECONDS)

    def _room(self) -> int:
        """Return how many messages may be sent now; 0 until the consumer grants more."""
        with self._credit_lock:
            return self._burst if self._credit is None else min(self._credit, self._burst)

    def _take(self, room: int) -> Delivery:
        """Take messages; where there are none, stand in line until served or until the end."""
        self._handed_over = False
        outcome = self._operations.take(
            self._stream.name,
            room,
            BURST_BYTES,
            self._hand_over,
            in_line=min(room, self._per_frame),
        )
        if isinstance(outcome, Delivery):
            return outcome
        self._wait = outcome
        # A grant rings as well, and must not cost the place in line.
        while not (self._handed_over or self._channel.closing):
            self._bell.sleep(None)
        self._wait = None
        delivery = outcome.finish()
        if delivery is None:
            outcome.abandon()
            return Delivery([], 0)
        return delivery

    def _stop_waiting(self) -> None:
        """Leave the line before the consumer is told that the session has ended.

        So nothing is taken for it afterwards, not even for the moment until the streamer wakes.
        """
        wait = self._wait
        if wait is not None:
            wait.abandon()
        self._bell.ring()

    def _hand_over(self) -> None:
        self._handed_over = True
        self._bell.ring()

    def _deliver(self, delivery: Delivery) -> None:
        """Write messages; those that the kernel did not take whole go back to their places."""
        delivered = 0
        try:
            with self._sending:
                delivered = self._write(delivery.messages)
                if self._credit is not None:
                    self._unsettled.add(delivery, delivered)
        finally:
            if delivered < len(delivery.messages):
                self._queues.put_back(self._stream.name, delivery.rest(delivered))
        if self._credit is not None:
            with self._credit_lock:
                self._credit -= delivered

    def _write(self, messages: Sequence[Message]) -> int:
        """Write messages and return how many of them were taken whole."""
        # A consumer that hung up a moment ago may not have been noticed by the reader yet.
        if self._channel.hung_up():
            self._channel.abort()
            return 0
        frames = [text_frame(text) for text in self._texts(messages)]
        burst = b"".join(frames)
        taken = self._channel.write(burst)
        if taken == len(burst):
            return len(messages)
        return whole_frames(frames, taken) * self._per_frame

    def _texts(self, messages: Sequence[Message]) -> Sequence[bytes]:
        if self._stream.count is None:
            return wire.streamed_one_by_one(self._stream.name, messages)
        size = self._per_frame
        parts = [messages[at : at + size] for at in range(0, len(messages), size)]
        return [wire.streamed(self._stream.name, part) for part in parts]

    # -- the reader --------------------------------------------------------------------------

    def _read(self, connection: Connection) -> None:
        try:
            connection.run()
        finally:
            self._channel.abort()  # which wakes the streamer

    def on_texts(self, texts: list[bytes]) -> None:
        """Take grants of credit and what is put back; say what is wrong with anything else."""
        for text in texts:
            try:
                self._obey(wire.parse_flow_control(text, self._stream.max_grant))
            except ZoldyQError as error:
                self._refuse(error)

    def on_binary(self, data: bytes) -> None:
        """Refuse the message: a consumer speaks in text frames."""
        self._refuse(InvalidJson("send JSON in text frames, not in binary ones", offset=0))

    def _obey(self, said: wire.FlowControl) -> None:
        if self._credit is None:
            raise UnknownField(
                "this stream has no limit: open it with ?credit=n to grant messages or to put "
                "them back",
                field="put_back" if said.put_back else "credit",
            )
        if said.put_back:
            self._put_back(said.put_back)
        else:
            self._add_credit(said.credit)
        self._bad_frames = 0

    def _add_credit(self, credit: int) -> None:
        with self._sending:
            self._unsettled.settle(credit)
        with self._credit_lock:
            assert self._credit is not None, "checked before"
            self._credit += credit
        self._bell.ring()

    def _put_back(self, count: int) -> None:
        """Return the last messages sent to the head of the queue, and say so.

        Raises:
            InvalidCount: there are fewer that can be returned.
        """

        def act() -> bytes:
            self._queues.put_back(self._stream.name, self._unsettled.take_last(count))
            return text_frame(wire.put_back_document(count))

        with self._sending:
            self._unsettled.check_put_back(count)
            self._channel.answer(act)

    def _refuse(self, error: ZoldyQError) -> None:
        self._bad_frames += 1
        if self._bad_frames > MAX_BAD_FRAMES:
            self.close(POLICY_VIOLATION, "too many bad frames")
        self._channel.write(text_frame(wire.encode_document(wire.error_document(error))))
