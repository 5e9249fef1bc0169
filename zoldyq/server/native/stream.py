"""The bytes of one connection, in and out of its socket.

A connection speaks to a :class:`Stream`, which may encrypt what goes through. It never blocks, and
errors of the network do not leave it: a stream that is broken says so, and reads as ended.

What cannot be sent at once is kept here with the replies that it carries. A reply counts as
delivered once the system has taken the last byte of its response.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import Protocol

from zoldyq.contract.errors import ZoldyQError
from zoldyq.server.native.handshakes import Resumable
from zoldyq.server.native.http.engine import Answer
from zoldyq.wire import Reply

_RECEIVE_BYTES = 96 << 10


class Stream(Protocol):
    """What a connection needs of its transport."""

    sock: socket.socket
    unsent: int
    """How many bytes are kept to be sent."""
    broken: bool
    """Whether nothing can be sent any more: close the connection."""

    @property
    def crowded(self) -> bool:
        """Whether :meth:`receive` returned None because others come first: stand in their line."""

    def line_up(self, connection: Resumable) -> None:
        """Have ``connection.on_again()`` called once it is not crowded any more."""

    @property
    def refusal(self) -> ZoldyQError | None:
        """What the peer is to be told once: it does not speak what this stream speaks."""

    def receive(self) -> bytes | None:
        """Return what has come; ``b""`` at the end, None if nothing is there for now.

        After None look at :attr:`refusal`, :attr:`crowded` and :attr:`unsent`.
        """

    def receive_into(self, space: memoryview) -> int | None:
        """Receive into ``space``; return the number of bytes, 0 at the end, None as above."""

    @property
    def pending(self) -> bool:
        """Whether bytes have left the socket that :meth:`receive` has not returned yet.

        The poller does not report them: receive again before the loop sleeps.
        """

    def send(self, answer: Answer) -> bool:
        """Send an answer and what was kept before it; tell whether all of it is out."""

    def add(self, answer: Answer) -> None:
        """Keep an answer to be sent with others by :meth:`flush`."""

    def flush(self) -> bool:
        """Send what was kept; tell whether all of it is out."""

    @property
    def waits_to_read(self) -> bool:
        """Whether sending can go on only after the peer has sent something (TLS may ask that)."""

    def take_back(self) -> Reply | None:
        """Give away the last reply that is not out whole; None if there is none."""

    def at_end(self) -> bool:
        """Tell whether the peer has ended its side, and keep what it sent to be received."""

    @property
    def looks_ahead(self) -> bool:
        """Whether :meth:`at_end` has taken what came out of the socket, and can take more."""

    def end_sending(self) -> bool:
        """Say that nothing more will come; tell whether that was possible."""

    def discard(self) -> bool:
        """Throw away what has come; tell whether the peer has ended its side."""

    def close(self) -> None:
        """Close the socket."""


class Outbox:
    """The responses that are not out whole, of one connection, and the replies they carry.

    Who sends adds to ``sent`` in the statement that sends: an error in a call between the two
    would put back what was delivered.
    """

    __slots__ = ("_begin", "_end", "_kept", "_undelivered", "_view", "sent")

    def __init__(self) -> None:
        self.sent = 0  # bytes since this outbox began
        self._end = 0  # bytes that were kept since then
        self._view = memoryview(b"")  # what is being sent
        self._begin = 0  # how many bytes were sent before the first of these
        self._kept: list[bytes] = []  # what comes behind them
        # At how many bytes sent each reply with messages is out.
        self._undelivered: deque[tuple[int, Reply]] = deque()

    def add(self, answer: Answer) -> None:
        """Keep a response behind the others."""
        self._kept.append(answer.response)
        self._end += len(answer.response)
        if answer.reply is not None and answer.reply.delivered is not None:
            # Last: if this fails the reply is not ours, and its messages are put back once.
            self._undelivered.append((self._end, answer.reply))

    @property
    def size(self) -> int:
        """How many bytes are to be sent."""
        return self._end - self.sent

    def view(self) -> memoryview:
        """Return what to send next; empty if everything is out."""
        view = self._view[self.sent - self._begin :]
        if view or not self._kept:
            return view
        self._view = memoryview(self._kept[0] if len(self._kept) == 1 else b"".join(self._kept))
        self._begin = self.sent
        self._kept = []
        return self._view

    def take_back(self) -> Reply | None:
        """Give away the last reply that is not out whole."""
        self.forget_delivered()
        return self._undelivered.pop()[1] if self._undelivered else None

    def forget_delivered(self) -> None:
        """Let go of the replies that are out."""
        while self._undelivered and self._undelivered[0][0] <= self.sent:
            self._undelivered.popleft()


class PlainStream:
    """A stream over a socket as it is."""

    __slots__ = ("_outbox", "broken", "sock", "unsent")

    waits_to_read = False
    pending = False
    looks_ahead = False
    crowded = False
    refusal = None

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.unsent = 0
        self.broken = False
        self._outbox: Outbox | None = None  # while something is unsent

    def line_up(self, connection: Resumable) -> None:
        raise NotImplementedError  # it is never crowded

    # -- in ------------------------------------------------------------------------------------

    def receive(self) -> bytes | None:
        try:
            return self.sock.recv(_RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            self.broken = True
            return b""

    def receive_into(self, space: memoryview) -> int | None:
        try:
            return self.sock.recv_into(space)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            self.broken = True
            return 0

    def at_end(self) -> bool:
        try:
            return not self.sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    # -- out -----------------------------------------------------------------------------------

    def send(self, answer: Answer) -> bool:
        if self._outbox is not None:
            self.add(answer)
            return self.flush()
        response = answer.response
        size = len(response)
        try:
            sent = self.sock.send(response)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.broken = True
            sent = 0
        if sent == size:
            return True
        outbox = Outbox()
        outbox.add(answer)
        outbox.view()
        outbox.sent = sent
        self.unsent = size - sent
        self._outbox = outbox
        return False

    def add(self, answer: Answer) -> None:
        if self._outbox is None:
            self._outbox = Outbox()
        self.unsent += len(answer.response)
        self._outbox.add(answer)

    def flush(self) -> bool:
        outbox = self._outbox
        if outbox is None:
            return True
        while view := outbox.view():
            try:
                outbox.sent += self.sock.send(view)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError:
                self.broken = True
                return False
            self.unsent = outbox.size
            if self.unsent and outbox.view():
                break
        outbox.forget_delivered()
        if not self.unsent:
            self._outbox = None
        return not self.unsent

    def take_back(self) -> Reply | None:
        return None if self._outbox is None else self._outbox.take_back()

    # -- the end -------------------------------------------------------------------------------

    def end_sending(self) -> bool:
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return True

    def discard(self) -> bool:
        try:
            return not self.sock.recv(_RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def close(self) -> None:
        self._outbox = None
        self.unsent = 0
        self.sock.close()
