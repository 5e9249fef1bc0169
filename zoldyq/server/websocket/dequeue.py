"""WebSocket sessions that dequeue: messages are pushed as they become available.

A session has one thread, that of its connection. Whenever there is nothing to read and nothing
left to write, it takes messages (a *burst*) and writes them; where there are none it stands in the
queue's line, and the queue rings the channel when it hands messages over.

The next burst is taken when the kernel has taken the last one whole. What the kernel did not take
goes back to the queue; what it did take counts as delivered, even if the consumer never reads it.
A consumer that wants to bound that asks for credit. It may then also return what it was sent and
does not want.

From the moment in which messages leave the queue this session owns them. It puts them back if
anything fails before the kernel has them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import sleep

import msgspec

from zoldyq import wire
from zoldyq.contract.errors import (
    BackendUnavailable,
    InvalidJson,
    QueueNotFound,
    UnknownField,
    ZoldyQError,
)
from zoldyq.queue import Delivery, Message, check_queue_name
from zoldyq.server.api.operations import Operations
from zoldyq.server.api.waits import Wait
from zoldyq.server.websocket.channel import Channel
from zoldyq.server.websocket.connection import YIELD_SECONDS
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

#: Bytes that the kernel keeps for a consumer, which bounds what one that vanishes takes along:
#: 0.3 MB of small messages were lost instead of the 4 MB to which Linux lets a buffer grow. On one
#: machine it costs no push rate; over a network it bounds the rate to so many bytes a round trip.
SEND_BUFFER_BYTES = 128 << 10

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


def parse_stream(name: str, parameters: Mapping[str, str], maximum: int) -> Stream:
    """Read what a consumer asks for; ``maximum`` bounds count, credit and each grant.

    Raises:
        InvalidQueueName: the name breaks the rule for names.
        InvalidCount: ``count`` or ``credit`` is no whole number from 1 to ``maximum``.
    """
    check_queue_name(name)
    count = wire.parse_count(parameters.get("count"), maximum)
    credit = wire.parse_count(parameters.get("credit"), maximum, "credit")
    return Stream(name, count, credit, maximum)


class DequeueSession:
    """A consumer's session, on the thread of its connection."""

    def __init__(self, operations: Operations, stream: Stream, channel: Channel) -> None:
        self._operations = operations
        self._stream = stream
        self._channel = channel
        self._per_frame = min(stream.count or 1, BURST_BATCHED)
        burst = BURST_SINGLE if stream.count is None else BURST_BATCHED
        self._burst_size = burst - burst % self._per_frame
        self._credit = stream.credit
        self._bad_frames = 0
        self._closing = False
        self._unsettled = Unsettled(operations.limits.max_body_bytes)
        # What the last take has come to: messages that the kernel has not taken whole (a burst),
        # or a place in the queue's line. None once it is settled.
        self._taken: Delivery | Wait[Delivery] | None = None
        self._frames: Sequence[bytes] = ()  # those that carry the burst, once they are written
        self._frames_begin = 0  # where they begin, in bytes written to the channel

    # -- what the connection calls -------------------------------------------------------------

    def work(self) -> bool:
        """Push messages as far as the consumer, the queue and the credit let it.

        Called when nothing is kept in the channel. Returns False when there is something to wait
        for: credit, or a message.
        """
        self._end_burst()
        if self._closing or not self._room():
            return False
        try:
            burst = self._take()
        except QueueNotFound as error:  # it was deleted, and nothing creates it on demand
            self._say(error)
            self._channel.start_close(POLICY_VIOLATION, "the queue was deleted")
            return True
        if burst is None:
            return False
        if burst.messages:
            self._write(burst)
            if burst.queue_size:
                sleep(YIELD_SECONDS)
        elif self._operations.queues.draining:
            self._channel.start_close(GOING_AWAY, "the stream has ended")
        return True

    def on_texts(self, texts: list[bytes]) -> None:
        """Take grants of credit and what is put back; say what is wrong with anything else."""
        self._end_burst()
        for text in texts:
            try:
                self._obey(wire.parse_flow_control(text, self._stream.max_grant))
            except ZoldyQError as error:
                self._refuse(error)

    def on_binary(self, data: bytes) -> None:
        """Refuse the message: a consumer speaks in text frames."""
        self._refuse(InvalidJson("send JSON in text frames, not in binary ones", offset=0))

    def on_closing(self) -> None:
        """Leave the line, so that nothing is taken once the consumer knows of the end."""
        self._closing = True
        self._leave_line()

    def close(self) -> None:
        """Put back what was not delivered, after the channel has sent its last."""
        self.on_closing()
        self._end_burst()

    def _leave_line(self) -> None:
        if self._taken is not None and not isinstance(self._taken, Delivery):
            self._taken.abandon()
            self._taken = None

    # -- taking and writing --------------------------------------------------------------------

    def _room(self) -> int:
        """Return how many messages may be sent now; 0 until the consumer grants more."""
        return self._burst_size if self._credit is None else min(self._credit, self._burst_size)

    def _take(self) -> Delivery | None:
        """Take a burst; None while there is none, and the session stands in line for one.

        A place in line is kept until it was served, also when credit is granted meanwhile. It is
        for one frame, so that other consumers in the line get their share.
        """
        if self._taken is None:
            room = self._room()
            # Stored at once: from here on the session owns what has left the queue.
            self._taken = self._operations.take(
                self._stream.name,
                room,
                BURST_BYTES,
                self._channel.ring,
                in_line=min(room, self._per_frame),
            )
        if not isinstance(self._taken, Delivery):
            served = self._served(self._taken)
            if served is None:
                return None
            self._taken = served
        return self._taken

    def _served(self, wait: Wait[Delivery]) -> Delivery | None:
        try:
            return wait.finish()
        except BackendUnavailable:
            return Delivery([], 0)  # ask again: it may be back

    def _write(self, burst: Delivery) -> None:
        frames = [text_frame(text) for text in self._texts(burst.messages)]
        data = b"".join(frames)
        self._frames_begin = self._channel.written
        self._frames = frames
        self._channel.write(data)

    def _texts(self, messages: Sequence[Message]) -> Sequence[bytes]:
        if self._stream.count is None:
            return wire.streamed_one_by_one(self._stream.name, messages)
        size = self._per_frame
        parts = [messages[at : at + size] for at in range(0, len(messages), size)]
        return [wire.streamed(self._stream.name, part) for part in parts]

    def _end_burst(self) -> None:
        """Settle what has become of the burst; what the kernel did not take whole goes back.

        Call it when the channel keeps nothing: then the kernel has taken all, or will take no more.
        """
        burst, frames = self._taken, self._frames
        if not isinstance(burst, Delivery):
            return
        taken = self._channel.taken - self._frames_begin if frames else 0
        delivered = min(whole_frames(frames, taken) * self._per_frame, len(burst.messages))
        if delivered < len(burst.messages):
            self._operations.queues.put_back(self._stream.name, burst.rest(delivered))
        self._taken = None  # not before: what fails until here is done again at the end
        self._frames = ()
        if self._credit is not None:
            self._credit -= delivered
            self._unsettled.add(burst, delivered)

    # -- what the consumer says ------------------------------------------------------------------

    def _obey(self, said: wire.FlowControl) -> None:
        if self._credit is None:
            raise UnknownField(
                "this stream has no limit: open it with ?credit=n to grant messages or to put "
                "them back",
                field="credit" if said.credit else "put_back",
            )
        if said.put_back or said.stop:
            self._put_back(said.put_back, said.stop)
        else:
            self._unsettled.settle(said.credit)
            self._credit += said.credit
        self._bad_frames = 0

    def _put_back(self, count: int, stop: bool) -> None:
        """Return the last messages sent to the head of the queue, and say so.

        With ``stop`` none are sent any more, until the consumer grants some.

        Raises:
            InvalidCount: there are fewer that can be returned.
        """
        back = self._unsettled.take_last(count)
        if stop:
            self._credit = 0
            self._leave_line()
        self._operations.queues.put_back(self._stream.name, back)
        self._channel.write(text_frame(wire.put_back_document(count)))

    def _refuse(self, error: ZoldyQError) -> None:
        self._bad_frames += 1
        if self._bad_frames > MAX_BAD_FRAMES:
            self._channel.start_close(POLICY_VIOLATION, "too many bad frames")
        self._say(error)

    def _say(self, error: ZoldyQError) -> None:
        self._operations.refusals.count(error.code)
        self._channel.write(text_frame(wire.encode_document(wire.error_document(error))))
