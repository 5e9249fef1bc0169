"""One client's connection: reads requests, answers the hot path, parks what has to wait.

Owned by the thread of its reactor; only :meth:`Connection.on_wake` is asked for from elsewhere,
and that through the reactor. Its states and their moves are in :mod:`.states`.

A message belongs to its queue until the kernel has taken the whole response that carries it. It
goes back to the head when the socket breaks before.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec

from zoldyq import wire
from zoldyq.contract.errors import InternalError, RequestTimeout, ZoldyQError
from zoldyq.server.api.operations import Operations, Wait
from zoldyq.server.native.http.buffer import RequestParser
from zoldyq.server.native.http.head import Head
from zoldyq.server.native.http.render import CONTINUE, Renderer
from zoldyq.server.native.http.routing import Kind, Route
from zoldyq.server.native.http.states import GONE, State, check_move
from zoldyq.server.native.loop.poller import BROKEN, HANGUP, READ, WRITE
from zoldyq.server.native.loop.reactor import Reactor
from zoldyq.server.native.outbox import Burst, Outbox, join_burst
from zoldyq.wire import Buffer, Reply

_log = logging.getLogger(__name__)

_RECEIVE_BYTES = 96 << 10
#: Answers to pipelined requests are sent together up to about this many bytes.
_BURST_BYTES = 1 << 18
#: How long the peer of a closed connection gets to read the last response, in seconds.
_LINGER_SECONDS = 2.0
_NEVER = float("inf")

_RESTING = READ | HANGUP
# Looked up on an enum for each request they take 0.3 us of it.
_READING = State.READING
_PARKED = State.PARKED


class Times(msgspec.Struct, frozen=True):
    """How long a client may take, in seconds."""

    head: float = 10.0
    body: float = 60.0
    idle: float = 75.0
    send: float = 30.0


class Host(Protocol):
    """What a connection needs of its server."""

    operations: Operations
    times: Times

    def submit(self, connection: Connection, head: Head, body: Buffer) -> None:
        """Have a worker answer the request and tell :meth:`Connection.answered`."""

    def detach(self, connection: Connection, head: Head, unread: bytes) -> None:
        """Give the connection's socket to a WebSocket session."""

    def closed(self) -> None:
        """Take note that a connection has ended."""


class Connection:
    """A client's connection; it registers itself with its reactor."""

    __slots__ = (
        "_began",
        "_body_checked",
        "_generation",
        "_head",
        "_host",
        "_interest",
        "_last",
        "_outbox",
        "_parser",
        "_renderer",
        "_state",
        "_upgrade",
        "_wait",
        "_wait_until",
        "deadline",
        "peer",
        "reactor",
        "scheduled",
        "sock",
    )

    def __init__(
        self,
        sock: socket.socket,
        peer: tuple[str, int],
        reactor: Reactor,
        host: Host,
        *,
        parser: RequestParser,
        renderer: Renderer,
    ) -> None:
        self.sock = sock
        self.peer = peer
        self.reactor = reactor
        self._host = host
        self._parser = parser
        self._renderer = renderer
        self._state = _READING
        self._interest = _RESTING
        self._began = reactor.now  # when the first byte of the pending head or body came
        self._body_checked = False  # whether the pending body was allowed to come
        self._last = False  # whether the connection ends with what was answered
        self._upgrade: Head | None = None
        # While PARKED: the request that waits. A wake-up meant for an earlier one is told by
        # the generation.
        self._head: Head | None = None
        self._wait: Wait | None = None
        self._wait_until = _NEVER
        self._generation = 0
        self._outbox: Outbox | None = None  # while the kernel has not taken everything
        self.deadline = reactor.now + host.times.head
        self.scheduled = _NEVER
        reactor.add(sock.fileno(), self, self._interest)
        reactor.schedule(self)

    @property
    def busy(self) -> bool:
        """Whether a response is on its way out."""
        return self._outbox is not None

    # -- what happens to it ------------------------------------------------------------------

    def on_event(self, flags: int) -> None:
        """React to what the poller saw."""
        if self._outbox is not None:
            if flags & (WRITE | BROKEN):
                self._flush(self._outbox)
        elif self._state is _READING:
            self._receive()
        elif self._state is _PARKED:
            self._look_at_parked(flags)
        elif self._state is State.LINGERING:
            self._discard()
        elif flags & BROKEN:
            self.close()
        else:
            self._watch(0)  # WORKING: what the client sends now has to wait

    def on_wake(self, generation: int) -> None:
        """Answer the parked request, unless the wake-up was meant for an earlier one."""
        if self._state is _PARKED and generation == self._generation:
            self._resume(expired=False)

    def on_deadline(self) -> None:
        """React to a deadline that has passed, whichever it was."""
        if self._outbox is not None:
            self.close()  # the client accepts no data
        elif self._state is _PARKED:
            self._resume(expired=True)
        elif self._state is _READING and not self._parser.idle:
            what = "head" if self._parser.pending is None else "body"
            self.fail(RequestTimeout(f"the {what} of the request took too long to come"))
        else:
            self.close()

    def answered(self, response: bytes, *, close: bool) -> None:
        """Write the response that a worker has made."""
        if self._state is not State.WORKING:
            return  # the client has gone
        self._move(_READING)
        self._began = self.reactor.now
        self._last = self._last or close
        self._write([(response, wire.NOTHING_CAME)])
        self._serve()

    def close(self) -> None:
        """Close the socket. Undelivered messages go back to their queues, first one first."""
        if self._state in GONE:
            return
        self._release(State.CLOSED)
        if self._wait is not None:
            self._wait.abandon()
            self._wait = None
        if self._outbox is not None:
            for reply in self._outbox.undelivered():
                self._host.operations.put_back(reply)
            self._outbox = None
        self.sock.close()
        self._host.closed()

    # -- reading -----------------------------------------------------------------------------

    def _receive(self) -> None:
        """Read what is there and serve the requests in it."""
        parser = self._parser
        try:
            if parser.pending is None:
                data = self.sock.recv(_RECEIVE_BYTES)
                received = len(data)
            else:
                received = self._receive_body()
                data = b""
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        if not received:
            self.close()  # the client is done; half a request means nothing
            return
        if data:
            request = parser.whole_request(data)
            if request is not None:
                self._serve_one(*request)
                return
            if parser.idle:
                self._began = self.reactor.now
            parser.feed(data)
        self._serve()

    def _receive_body(self) -> int:
        """Receive a part of the pending body, without a copy where its place is known."""
        with self._parser.body_space() as space:
            if space:
                received = self.sock.recv_into(space)
                self._parser.filled(received)
                return received
        data = self.sock.recv(_RECEIVE_BYTES)
        self._parser.feed(data)
        return len(data)

    def _serve_one(self, head: Head, body: bytes) -> None:
        """Answer the only request that has come; the short way through :meth:`_serve`."""
        reply = self._handle(head, body)
        if reply is not None:
            response = self._render(head, reply)
            try:
                sent = self.sock.send(response)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                self._host.operations.put_back(reply)
                self.close()
                return
            if sent == len(response) and not self._last:
                self.deadline = self.reactor.now + self._host.times.idle
                if self.deadline < self.scheduled:
                    self.reactor.schedule(self)
                return
            if sent != len(response):
                self._keep([(response, reply)], response, sent)
        self._rest()

    def _serve(self) -> None:
        """Answer the requests that have come whole, as many as possible with one send."""
        burst: Burst = []
        size = 0
        while self._state is _READING and not (self._last or self._outbox or self._upgrade):
            try:
                request = self._parser.next_request()
            except ZoldyQError as error:
                self._refuse(wire.error_reply(error), burst)
                break
            if request is None:
                if self._parser.pending is not None:
                    self._check_pending(self._parser.pending, burst)
                break
            self._began = self.reactor.now
            self._body_checked = False
            head, body = request
            reply = self._handle(head, body)
            if reply is None:
                break
            response = self._render(head, reply)
            burst.append((response, reply))
            size += len(response)
            if size > _BURST_BYTES:
                self._write(burst)
                burst, size = [], 0
        if burst:
            self._write(burst)
        self._rest()

    def _handle(self, head: Head, body: Buffer) -> Reply | None:
        """Answer one request, or see to it that it will be answered."""
        route = head.route
        operations = self._host.operations
        try:
            if head.chunked:
                operations.limits.check_body(len(body))
            outcome: Reply | Wait
            if (dequeue := route.dequeue) is not None:
                wake = self._waker() if dequeue.timeout else _nobody_waits
                outcome = operations.dequeue(dequeue, wake)
            elif (enqueue := route.enqueue) is not None:
                wake = self._waker() if enqueue.timeout else _nobody_waits
                outcome = operations.enqueue(enqueue, body, wake, self.reactor.wall_us)
            else:
                return self._pass_on(head, body)
        except Exception as error:  # noqa: BLE001 - told apart and logged there
            return _refusal(error, route)
        if isinstance(outcome, Reply):
            return wire.with_headers(outcome, route.cors) if route.cors else outcome
        self._park(head, outcome)
        return None

    def _pass_on(self, head: Head, body: Buffer) -> Reply | None:
        """Refuse a request, or give it to those who answer what the loop does not."""
        if head.route.kind is Kind.WEBSOCKET:
            self._upgrade = head
        elif head.route.kind is Kind.APPLICATION:
            self._move(State.WORKING)
            self._host.submit(self, head, body)
        refusal: Reply | None = head.route.refusal
        return refusal

    def _check_pending(self, head: Head, burst: Burst) -> None:
        """Decide about a body that has not come whole: refuse it, invite it, or let it come."""
        refusal = None
        if not self._body_checked:
            self._body_checked = True
            self._began = self.reactor.now
            refusal = head.route.refusal
            if refusal is None and head.expects_continue and not self._parser.body_bytes:
                burst.append((CONTINUE, wire.NOTHING_CAME))
        if head.chunked and refusal is None:
            try:
                self._host.operations.limits.check_body(self._parser.body_bytes)
            except ZoldyQError as error:
                refusal = wire.error_reply(error, head.route.cors)
        if refusal is not None:
            self._refuse(refusal, burst)

    def _refuse(self, reply: Reply, burst: Burst) -> None:
        """Answer with a reply that ends the connection: what follows cannot be understood."""
        self._last = True
        burst.append((self._renderer.render(reply, close=True), reply))

    def _render(self, head: Head, reply: Reply) -> bytes:
        if head.keep_alive and head.version == "1.1":
            return self._renderer.render(reply)
        self._last = not head.keep_alive
        return self._renderer.render(reply, close=self._last, http10=True)

    # -- waiting -----------------------------------------------------------------------------

    def _waker(self) -> Callable[[], None]:
        """Return how a wait of this request would wake the connection."""
        return partial(self.reactor.wake, self, self._generation)

    def _park(self, head: Head, wait: Wait) -> None:
        self._move(_PARKED)
        self._head = head
        self._wait = wait
        self._wait_until = self.reactor.now + wait.timeout

    def _resume(self, *, expired: bool) -> None:
        """Answer the parked request, and go on with what has come after it."""
        head, wait = self._head, self._wait
        if head is None or wait is None:
            return
        self._head = self._wait = None
        self._generation += 1
        self._move(_READING)
        self._began = self.reactor.now  # a next request that has begun had no chance to go on
        try:
            reply = wait.finish(expired=expired)
        except Exception as error:  # noqa: BLE001 - told apart and logged there
            reply = _refusal(error, head.route)
        else:
            reply = wire.with_headers(reply, head.route.cors)
        self._write([(self._render(head, reply), reply)])
        self._serve()

    def _look_at_parked(self, flags: int) -> None:
        """Let go of a client that has gone. A half-close looks the same, and counts as gone."""
        if flags & (HANGUP | BROKEN) or self._at_end_of_file():
            self.close()
        elif flags & READ:
            self._watch(HANGUP)  # further requests wait in the kernel

    def _at_end_of_file(self) -> bool:
        """Tell a FIN from data where the poller cannot."""
        try:
            return not self.sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    # -- writing -----------------------------------------------------------------------------

    def _write(self, burst: Burst) -> None:
        """Send responses at once, and keep what the kernel does not take."""
        if self._state is State.CLOSED:
            for _, reply in reversed(burst):
                self._host.operations.put_back(reply)
            return
        data = join_burst(burst)
        sent = 0
        if self._outbox is None:
            try:
                sent = self.sock.send(data)
            except (BlockingIOError, InterruptedError):
                pass
            except OSError:
                self._keep(burst, data, 0)
                self.close()
                return
            if sent == len(data):
                return
        self._keep(burst, data, sent)

    def _keep(self, burst: Burst, data: bytes, sent: int) -> None:
        if self._outbox is None:
            self._outbox = Outbox()
        self._outbox.add(burst, data, sent)
        self.deadline = self.reactor.now + self._host.times.send

    def _flush(self, outbox: Outbox) -> None:
        """Send more of what is left; once all is out, go on reading."""
        try:
            outbox.took(self.sock.send(outbox.unsent))
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        self.deadline = self.reactor.now + self._host.times.send
        if not outbox.unsent:
            self._outbox = None
            self._began = self.reactor.now
            self._serve()

    # -- coming to rest ----------------------------------------------------------------------

    def _rest(self) -> None:
        """Watch for what comes next, and until when."""
        state = self._state
        if state in GONE:
            return
        if self._outbox is not None:
            self._watch(WRITE)
        elif self._last and state is _READING:
            self._linger()
        elif self._upgrade is not None:
            self._detach(self._upgrade)
        else:
            self._watch(_RESTING)
            if state is _READING:
                self.deadline = self._reading_deadline()
            else:
                self.deadline = self._wait_until if state is _PARKED else _NEVER
        if self.deadline < self.scheduled:
            self.reactor.schedule(self)

    def _reading_deadline(self) -> float:
        times = self._host.times
        parser = self._parser
        if parser.idle:
            return self.reactor.now + times.idle
        return self._began + (times.head if parser.pending is None else times.body)

    def _watch(self, interest: int) -> None:
        if interest != self._interest and self._state not in GONE:
            self._interest = interest
            self.reactor.watch(self.sock.fileno(), interest)

    def fail(self, error: ZoldyQError) -> None:
        """Answer with an error and end the connection."""
        burst: Burst = []
        self._refuse(wire.error_reply(error), burst)
        self._write(burst)
        self._rest()

    def _linger(self) -> None:
        """End the sending side and wait for the peer to do the same.

        Closing with unread bytes would reset the connection, and take the response away from
        the client before it has read it.
        """
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        self._move(State.LINGERING)
        self._watch(_RESTING)
        self.deadline = self.reactor.now + _LINGER_SECONDS

    def _discard(self) -> None:
        try:
            gone = not self.sock.recv(_RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            gone = True
        if gone:
            self.close()

    def _detach(self, head: Head) -> None:
        """Leave the socket, with what was read from it too early, to a WebSocket session."""
        self._release(State.DETACHED)
        self._host.detach(self, head, self._parser.unread())

    def _release(self, state: State) -> None:
        """Take the socket out of the loop."""
        self._move(state)
        self.reactor.remove(self.sock.fileno())
        self.reactor.forget(self)

    def _move(self, state: State) -> None:
        check_move(self._state, state)
        self._state = state


def _refusal(error: Exception, route: Route) -> Reply:
    """Return the reply to a request that was refused, or that broke something."""
    if not isinstance(error, ZoldyQError):
        _log.error("a request was answered 500", exc_info=error)
        error = InternalError("something went wrong inside the server: its log says what")
    return wire.error_reply(error, route.cors)


def _nobody_waits() -> None:
    """The waker of requests that do not wait."""
