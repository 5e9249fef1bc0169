"""One client's connection: carries out what its engine decides, on its stream and in its loop.

Belongs to the thread of its reactor; only :meth:`Connection.on_wake` is asked for from elsewhere,
and that through the reactor. The states and what moves them are in :mod:`.http.engine`, the socket
is in :mod:`.stream`.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Protocol

from zoldyq.contract.errors import ZoldyQError
from zoldyq.server.api.operations import Operations
from zoldyq.server.native.http.buffer import RequestBuffer
from zoldyq.server.native.http.engine import (
    Answer,
    Close,
    Engine,
    Outcome,
    Pass,
    Times,
    Upgrade,
)
from zoldyq.server.native.http.head import Head
from zoldyq.server.native.http.render import Renderer
from zoldyq.server.native.http.states import GONE, State
from zoldyq.server.native.loop.poller import BROKEN, HANGUP, READ, WRITE
from zoldyq.server.native.loop.reactor import Reactor
from zoldyq.server.native.stream import Stream
from zoldyq.wire import Buffer

_log = logging.getLogger(__name__)

#: Answers to pipelined requests are sent together up to about this many bytes.
_BURST_BYTES = 1 << 18
#: Pipelined requests that are answered before other connections have their turn.
_REQUESTS_A_TURN = 256
_NEVER = float("inf")
_RESTING = READ | HANGUP
# Looked up on an enum for each request it takes 0.1 us of it.
_READING = State.READING
_RECEIVING = (_READING, State.BODY)


class Host(Protocol):
    """What a connection needs of its server."""

    operations: Operations
    times: Times

    def submit(self, connection: Connection, head: Head, body: Buffer) -> None:
        """Have a worker answer the request and tell :meth:`Connection.answered`."""

    def detach(self, connection: Connection, head: Head, unread: bytes) -> None:
        """Give the connection's socket to a WebSocket session."""

    def closed(self, connection: Connection) -> None:
        """Take note that a connection has ended."""


class Connection:
    """A client's connection; it registers itself with its reactor."""

    __slots__ = (
        "_engine",
        "_fd",
        "_host",
        "_interest",
        "deadline",
        "peer",
        "reactor",
        "scheduled",
        "stream",
    )

    def __init__(
        self,
        stream: Stream,
        peer: tuple[str, int],
        reactor: Reactor,
        host: Host,
        *,
        buffer: RequestBuffer,
        renderer: Renderer,
    ) -> None:
        self.stream = stream
        self.peer = peer
        self.reactor = reactor
        self._host = host
        wake = partial(reactor.wake, self)
        self._engine = Engine(
            buffer, renderer, host.operations, clock=reactor, times=host.times, wake=wake
        )
        self._fd = stream.sock.fileno()
        self._interest = _RESTING
        self.deadline = self.scheduled = _NEVER
        reactor.add(self._fd, self, self._interest)
        self._expect_until(self._engine.deadline())

    @property
    def busy(self) -> bool:
        """Whether a response is on its way out."""
        return bool(self.stream.unsent)

    # -- what happens to it ------------------------------------------------------------------

    def on_event(self, flags: int) -> None:
        """React to what the poller saw. Most often that is one whole request."""
        stream = self.stream
        engine = self._engine
        if stream.unsent or engine.state is not _READING:
            self._on_other_event(flags)
            return
        data = stream.receive()
        if data:
            outcome = engine.short(data)
            if type(outcome) is Answer:
                sent = stream.send(outcome)
                engine.taken = None
                if not sent:
                    self._rest()
                elif engine.state is _READING:
                    engine.since = self.reactor.now
                else:
                    self._serve(None)
            else:
                if outcome is None:
                    engine.feed(data)
                self._serve(outcome)
        elif data is None:
            self._go_on_without_data(flags)
        else:
            self.close()  # the client is done; half a request means nothing

    def on_wake(self, generation: int) -> None:
        """Answer the parked request, unless the wake-up was meant for an earlier one."""
        outcome = self._engine.resume(generation)
        if outcome is not None:
            self._serve(outcome)

    def on_again(self) -> None:
        """Go on with what has come already, now that others have had their turn."""
        if self._engine.state in GONE:
            return
        if self.stream.pending and not self._engine.buffer.unfinished:
            self.on_event(READ)
        else:
            self._serve(None)

    def on_deadline(self) -> None:
        """React to a deadline that has passed, if it has not moved away in the meantime."""
        if self.stream.unsent:
            self.close()  # the client accepts no data
            return
        deadline = self._engine.deadline()
        if deadline > self.reactor.now:
            self._expect_until(deadline)
            return
        outcome = self._engine.expire()
        if outcome is None:
            self.close()
        else:
            self._serve(outcome)

    def answered(self, response: bytes, *, close: bool) -> None:
        """Write the response that a worker has made, unless the client has gone."""
        outcome = self._engine.answered(response, close=close)
        if outcome is not None:
            self._serve(outcome)

    def fail(self, error: ZoldyQError) -> None:
        """Answer with an error and end the connection."""
        self._serve(self._engine.fail(error))

    def close(self) -> None:
        """Close the socket. Undelivered messages go back to their queues, last one first."""
        if self._engine.state in GONE:
            return
        try:
            self._close()
        except Exception:  # noqa: BLE001 - such as a lack of memory for a moment
            _log.exception("closing a connection failed, and is tried once more")
            self._close()

    def _close(self) -> None:
        """Do what is left to be done of closing: no step that was taken is taken twice."""
        self._leave_loop()
        self._engine.give_back()
        while (reply := self.stream.take_back()) is not None:
            self._engine.taken = reply
            self._engine.give_back()
        self.stream.close()
        self._engine.close()
        self._host.closed(self)

    # -- events in the other states ------------------------------------------------------------

    def _on_other_event(self, flags: int) -> None:
        state = self._engine.state
        if self.stream.unsent:
            if flags & (WRITE | BROKEN) or self.stream.waits_to_read:
                self._flush()
        elif state is State.BODY:
            self._receive_body()
        elif state is State.PARKED:
            self._look_at_parked(flags)
        elif state is State.LINGERING:
            if self.stream.discard():
                self.close()
        elif flags & BROKEN:
            self.close()
        else:
            self._watch(0)  # WORKING: what the client sends now has to wait

    def _receive_body(self) -> None:
        """Receive a part of the body, without a copy where its place is known."""
        buffer = self._engine.buffer
        received: int | bytes | None
        with buffer.body_space() as space:
            if space:
                received = self.stream.receive_into(space)
                buffer.filled(received or 0)
            else:
                received = self.stream.receive()
        if isinstance(received, bytes) and received:
            self._engine.feed(received)
        if received:
            self._serve(None)
        elif received is not None:
            self.close()

    def _look_at_parked(self, flags: int) -> None:
        """Let go of a client that has gone. A half-close looks the same, and counts as gone."""
        if flags & (HANGUP | BROKEN) or self.stream.at_end():
            self.close()
        elif flags & READ and not self.stream.looks_ahead:
            self._watch(HANGUP)  # further requests wait in the kernel

    def _go_on_without_data(self, flags: int) -> None:
        """Do what a stream needs whose bytes hold no data, such as those of a handshake."""
        stream = self.stream
        if stream.refusal is not None:
            self.fail(stream.refusal)
        elif not stream.crowded:
            self._rest()
        elif flags & BROKEN:
            self.close()
        elif self._interest:
            self._watch(0)
            stream.line_up(self)

    def _flush(self) -> None:
        """Send more of what is left; once all is out, go on reading."""
        if self.stream.flush():
            self._engine.since = self.reactor.now
            self._serve(None)
        else:
            self._rest()

    # -- carrying out --------------------------------------------------------------------------

    def _serve(self, outcome: Outcome | None) -> None:
        """Carry out what the engine decides until it needs bytes; answers are sent together.

        While the client does not take what was sent, no further request is looked at.
        """
        engine, stream = self._engine, self.stream
        reads = not stream.unsent
        answers = 0
        if outcome is None and reads:
            outcome = engine.next()
        while type(outcome) is Answer:
            stream.add(outcome)
            engine.taken = None
            answers += 1
            if stream.unsent > _BURST_BYTES:
                reads = stream.flush()
            outcome = engine.next() if reads and answers < _REQUESTS_A_TURN else None
        if type(outcome) is Pass:
            self._host.submit(self, outcome.head, outcome.body)
        if stream.flush():
            if type(outcome) is Upgrade:
                self._detach(outcome.head)
            elif type(outcome) is Close:
                self._linger()
            elif answers >= _REQUESTS_A_TURN or engine.buffer.unfinished:
                self._watch(0)  # what is there already comes first, and others come before that
                self.reactor.again(self)
                return
        self._rest()

    def _linger(self) -> None:
        """End the sending side and wait for the peer to do the same.

        Closing with unread bytes would reset the connection, and take the response away from
        the client before it has read it.
        """
        if self.stream.end_sending():
            self._engine.linger()
        else:
            self.close()

    def _detach(self, head: Head) -> None:
        """Leave the socket, with what was read from it too early, to a WebSocket session."""
        self._leave_loop()
        self._host.detach(self, head, self._engine.detach())

    # -- coming to rest ------------------------------------------------------------------------

    def _rest(self) -> None:
        """Watch for what comes next, and until when."""
        stream = self.stream
        if self._engine.state in GONE:
            return
        if stream.broken:
            self.close()
        elif stream.unsent:
            self._watch(READ if stream.waits_to_read else WRITE)
            times = self._host.times
            patience = times.head if stream.waits_to_read else times.send
            self._expect_until(self.reactor.now + patience)
        else:
            self._watch(_RESTING)
            self._expect_until(self._engine.deadline())
            if stream.pending and self._engine.state in _RECEIVING:
                self.reactor.again(self)

    def _watch(self, interest: int) -> None:
        if interest != self._interest:
            self._interest = interest
            self.reactor.watch(self._fd, interest)

    def _expect_until(self, deadline: float) -> None:
        """Have :meth:`on_deadline` called at this time. The one place that sets a deadline."""
        self.deadline = deadline
        if deadline < self.scheduled:
            self.reactor.schedule(self)

    def _leave_loop(self) -> None:
        self.reactor.remove(self._fd)
        self.reactor.forget(self)
