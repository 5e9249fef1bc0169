"""Decides what a connection does next, from the bytes that came and without a socket.

Everything that moves the state of a connection is here. Bytes go in with :meth:`Engine.feed`;
:meth:`Engine.next` returns what is to be done, one thing at a time, until more bytes are needed.
:meth:`Engine.short` does both for the data that clients send nearly always: one whole request
whose head is known.

A message that was taken out of its queue always has an owner that puts it back: the engine, from
the moment in which it has the reply (:attr:`Engine.taken`), and then the stream. So an error at
any point in between loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec

from zoldyq import wire
from zoldyq.contract import defaults
from zoldyq.contract.errors import RequestTimeout, ZoldyQError
from zoldyq.server.api.operations import Operations
from zoldyq.server.api.waits import Wait
from zoldyq.server.native.http.buffer import RequestBuffer
from zoldyq.server.native.http.head import Head
from zoldyq.server.native.http.render import CONTINUE, Renderer
from zoldyq.server.native.http.route import Kind, Refusal
from zoldyq.server.native.http.states import State, check_move
from zoldyq.wire import Buffer, Reply

#: How long the peer of a closed connection gets to read the last response, in seconds.
_LINGER_SECONDS = 2.0
_NEVER = float("inf")

# Looked up on an enum for each request they take 0.3 us of it.
_READING = State.READING
_BODY = State.BODY
_PARKED = State.PARKED


class Times(msgspec.Struct, frozen=True):
    """How long a client may take, in seconds."""

    head: float = defaults.HEAD_SECONDS
    body: float = defaults.BODY_SECONDS
    idle: float = defaults.IDLE_SECONDS
    send: float = defaults.SEND_SECONDS


class Clock(Protocol):
    """The time of this turn of the loop."""

    now: float
    """Seconds of the monotonic clock."""
    wall_us: int
    """Microseconds since the epoch."""


class Answer(msgspec.Struct, gc=False, frozen=True):
    """Send these bytes; the messages of ``reply`` go back if they cannot be sent whole.

    Without a reply it carries no message.
    """

    response: bytes
    reply: Reply | None = None


class Pass(msgspec.Struct, frozen=True):
    """Have a worker answer, and tell :meth:`Engine.answered`."""

    head: Head
    body: Buffer


class Upgrade(msgspec.Struct, frozen=True):
    """Give the socket to a WebSocket session, once all answers are out."""

    head: Head


class Park(msgspec.Struct, frozen=True):
    """The request waits in its queue's line: watch for a client that leaves."""


class Close(msgspec.Struct, frozen=True):
    """End the connection once all answers are out."""


Outcome = Answer | Pass | Upgrade | Park | Close

_PARK = Park()
_CLOSE = Close()


class Engine:
    """The protocol's side of one connection. Belongs to the thread of its reactor.

    ``wake(generation)`` is what a queue calls, from any thread, once there is something to see
    for a request that waits; :meth:`resume` takes it from there.
    """

    __slots__ = (
        "_always_waits",
        "_body",
        "_clock",
        "_generation",
        "_head",
        "_operations",
        "_renderer",
        "_wait",
        "_wait_until",
        "_wake",
        "buffer",
        "since",
        "state",
        "taken",
        "times",
    )

    def __init__(
        self,
        buffer: RequestBuffer,
        renderer: Renderer,
        operations: Operations,
        *,
        clock: Clock,
        times: Times,
        wake: Callable[[int], None],
    ) -> None:
        self.buffer = buffer
        self.state = _READING
        self.times = times
        self._renderer = renderer
        self._operations = operations
        self._always_waits = operations.always_waits
        self._clock = clock
        self._wake = wake
        #: When the pause, the head or the body that the state stands for began. Who sends the last
        #: byte of the answers sets it to the time of the clock: the pause before the next request.
        #: A new client that says nothing has as long as for a head.
        self.since = clock.now - max(times.idle - times.head, 0.0)
        #: The request that waits, that is worked on or that asks for another protocol.
        self._head: Head | None = None
        self._wait: Wait[Reply] | None = None
        self._wait_until = _NEVER
        # A wake-up that was meant for an earlier wait is told by this.
        self._generation = 0
        #: A reply whose messages no one else puts back. Who takes over the answer sets it to None.
        self.taken: Reply | None = None

    # -- bytes in, outcomes out ----------------------------------------------------------------

    def short(self, data: bytes) -> Outcome | None:
        """Decide about data that is one whole request with a known head; None for all else.

        Call it while READING. After None the data has to be fed.
        """
        request = self.buffer.whole_request(data)
        if request is None:
            return None
        head, body = request
        return self._handle(head, body)

    def feed(self, data: bytes) -> None:
        """Take bytes that came from the client."""
        if self.buffer.idle:
            self.since = self._clock.now
        self.buffer.feed(data)

    def next(self) -> Outcome | None:
        """Return what is to be done next; None if more bytes or an answer are needed first.

        UPGRADING and ENDING give the same outcome until it is carried out.
        """
        state = self.state
        if state is not _READING and state is not _BODY:
            if state is State.UPGRADING and self._head is not None:
                return Upgrade(self._head)
            return _CLOSE if state is State.ENDING else None
        try:
            request = self.buffer.next_request()
        except ZoldyQError as error:
            return self.fail(error)
        if request is None:
            head = self.buffer.pending
            return None if head is None else self._look_at_body(head)
        self.since = self._clock.now
        if state is _BODY:
            self._move(_READING)
        head, body = request
        return self._handle(head, body)

    def resume(self, generation: int) -> Outcome | None:
        """Answer the request that waits, unless the wake-up was meant for an earlier one."""
        if self.state is _PARKED and generation == self._generation:
            return self._finish(expired=False)
        return None

    def answered(self, response: bytes, *, close: bool) -> Outcome | None:
        """Take the answer of a worker; None if the client has gone."""
        if self.state is not State.WORKING:
            return None
        self._move(_READING)
        self.since = self._clock.now
        if close:
            self._move(State.ENDING)
        return Answer(response)

    def fail(self, error: ZoldyQError) -> Answer:
        """Refuse to go on, and say why. Call it while READING or in a BODY."""
        return self._refuse(self._operations.refusals.refuse(error))

    # -- deadlines -------------------------------------------------------------------------------

    def deadline(self) -> float:
        """Return until when this state may last, in seconds of the monotonic clock."""
        state = self.state
        if state is _READING:
            return self.since + (self.times.idle if self.buffer.idle else self.times.head)
        if state is _BODY:
            return self.since + self.times.body
        if state is _PARKED:
            return self._wait_until
        return self.since + _LINGER_SECONDS if state is State.LINGERING else _NEVER

    def expire(self) -> Outcome | None:
        """Decide about a deadline that has passed; None closes the connection without a word."""
        if self.state is _PARKED:
            return self._finish(expired=True)
        if self.state is _BODY or (self.state is _READING and not self.buffer.idle):
            what = "body" if self.state is _BODY else "head"
            return self.fail(RequestTimeout(f"the {what} of the request took too long to come"))
        return None

    # -- the end -----------------------------------------------------------------------------

    def linger(self) -> None:
        """Take note that all answers are out, and that the sending side is ended."""
        self._move(State.LINGERING)
        self.since = self._clock.now

    def detach(self) -> bytes:
        """Leave the connection to another protocol; return the bytes that belong to it."""
        self._move(State.DETACHED)
        self._wake = _wake_nobody
        return self.buffer.unread()

    def give_back(self) -> None:
        """Return to their queues the messages that no one else puts back, and leave the line."""
        if self.taken is not None:
            self._operations.put_back(self.taken)
            self.taken = None
        if self._wait is not None:
            self._wait.abandon()
            self._wait = None

    def close(self) -> None:
        """End the connection; :meth:`give_back` comes before that."""
        if self.state is not State.CLOSED:
            self._move(State.CLOSED)
        self._wake = _wake_nobody  # else the engine and the connection kept each other alive

    # -- requests ----------------------------------------------------------------------------

    def _handle(self, head: Head, body: Buffer) -> Outcome:
        """Answer one request, or arrange that it will be answered."""
        route = head.route
        operations = self._operations
        try:
            if head.chunked:
                operations.limits.check_body(len(body))
            outcome: Reply | Wait[Reply]
            if (dequeue := route.dequeue) is not None:
                waits = dequeue.timeout or self._always_waits
                wake = partial(self._wake, self._generation) if waits else _nobody_waits
                outcome = operations.dequeue(dequeue, wake)
            elif (enqueue := route.enqueue) is not None:
                waits = enqueue.timeout or self._always_waits
                wake = partial(self._wake, self._generation) if waits else _nobody_waits
                outcome = operations.enqueue(enqueue, body, wake, self._clock.wall_us)
            else:
                return self._pass_on(head, body)
        except Exception as error:  # noqa: BLE001 - told apart and logged there
            reply = operations.refusals.refuse(error, route.cors)
            return self._refuse(reply) if _closes(error) else self._answer(head, reply)
        if type(outcome) is Reply:  # a call of isinstance might fail before the reply has an owner
            self.taken = outcome
            if route.cors:
                outcome = wire.with_headers(outcome, route.cors)
            if head.keep_alive:
                return Answer(self._renderer.render(outcome), outcome)
            return self._answer(head, outcome)
        self._move(_PARKED)
        self._head = head
        self._wait = outcome
        self._wait_until = self._clock.now + outcome.timeout
        return _PARK

    def _answer(self, head: Head, reply: Reply) -> Answer:
        """Render a reply as the request's head asks for."""
        self.taken = reply
        if not head.keep_alive:
            self._move(State.ENDING)
        close, is_head = not head.keep_alive, head.method == "HEAD"
        return Answer(self._renderer.render(reply, close=close, head=is_head), reply)

    def _pass_on(self, head: Head, body: Buffer) -> Outcome:
        """Refuse a request, or give it to those who answer what the loop does not."""
        route = head.route
        if route.refusal is not None:
            return self._answer(head, self._refused(route.refusal))
        self._head = head
        if route.kind is Kind.WEBSOCKET:
            self._move(State.UPGRADING)
            return Upgrade(head)
        self._move(State.WORKING)
        return Pass(head, body)

    def _refused(self, refusal: Refusal) -> Reply:
        """Return the reply of a refusal that was worked out before, and count it."""
        self._operations.refusals.count(refusal.code, refusal.token)
        return refusal.reply

    def _look_at_body(self, head: Head) -> Outcome | None:
        """Decide about a body that has not come whole: refuse it, invite it, or let it come."""
        if self.state is _READING:
            self.since = self._clock.now
            if head.route.refusal is not None:
                return self._refuse(self._refused(head.route.refusal))
            self._move(_BODY)
            if head.expects_continue and not self.buffer.body_bytes:
                return Answer(CONTINUE)
        if head.chunked:
            try:
                self._operations.limits.check_body(self.buffer.body_bytes)
            except ZoldyQError as error:
                return self._refuse(self._operations.refusals.refuse(error, head.route.cors))
        return None

    def _refuse(self, reply: Reply) -> Answer:
        """Answer with a reply that ends the connection: what follows cannot be understood."""
        self._move(State.ENDING)
        is_head = self.buffer.answers_head
        return Answer(self._renderer.render(reply, close=True, head=is_head), reply)

    def _finish(self, *, expired: bool) -> Outcome | None:
        """Answer the request that waits, unless its wait is not settled yet."""
        head, wait = self._head, self._wait
        if head is None or wait is None:
            return None
        reply: Reply | None
        try:
            reply = wait.finish(expired=expired)
        except Exception as error:  # noqa: BLE001 - told apart and logged there
            wait.abandon()
            reply = self._operations.refusals.refuse(error, head.route.cors)
        else:
            if reply is None:  # it stays parked, and will be woken
                if expired:
                    self._wait_until = _NEVER
                return _PARK
            self.taken = reply
            reply = wire.with_headers(reply, head.route.cors)
        self._head = self._wait = None
        self._generation += 1
        self._move(_READING)
        self.since = self._clock.now  # a next request that has begun had no chance to go on
        return self._answer(head, reply)

    def _move(self, state: State) -> None:
        check_move(self.state, state)
        self.state = state


def _closes(error: Exception) -> bool:
    """Tell whether an error is the last word on its connection."""
    return isinstance(error, ZoldyQError) and error.closes


def _nobody_waits() -> None:
    """The waker of requests that do not wait."""


def _wake_nobody(_generation: int) -> None:
    """The waker of a connection that has ended."""
