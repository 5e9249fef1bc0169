"""The socket of one WebSocket session: nothing blocks, and what the kernel took is known.

One thread owns a channel. It reads, writes, and waits for the socket and for a bell at the same
time, so that it needs no second thread to listen while it has messages to wait for. Other threads
may ring, and ask for the end (:meth:`Channel.start_close`, :meth:`Channel.abort`); the owner does
what they asked for.

What the kernel does not take at once is kept, and sent as soon as there is room. As long as
something is kept, nothing is read: a peer that takes no answers cannot make the server hold more.
"""

from __future__ import annotations

import socket
import ssl
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Self

from zoldyq.pacing import Turnstile
from zoldyq.server.tls import send_close_notify
from zoldyq.server.websocket import frames
from zoldyq.server.websocket.bell import SocketBell
from zoldyq.server.websocket.socket_bytes import unacknowledged_bytes, unread_bytes
from zoldyq.server.websocket.watch import HUNG_UP, READABLE, WRITABLE, Watch, watch

#: Bytes read at once: about a thousand small messages.
READ_BYTES = 1 << 16

#: Bytes given to TLS at once: one record. It tells nothing of a write that it has half done.
_TLS_BYTES = 16 << 10

_WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Channel:
    """Reads from a socket and writes whole frames to it. It never closes the socket.

    A peer that takes not a byte within ``send_seconds`` is given up. ``send_buffer`` bounds the
    bytes that the kernel keeps for the peer (None: as many as it likes). With ``needs_peer`` a
    peer that sends nothing any more is given up at once, and what is kept is not sent.
    Once the peer has ended its side, the owner goes through ``turnstile``, where one is given: it
    is inside whenever it does not wait.
    """

    def __init__(
        self,
        sock: socket.socket,
        send_seconds: float,
        *,
        send_buffer: int | None = None,
        needs_peer: bool = False,
        turnstile: Turnstile | None = None,
    ) -> None:
        self._socket = sock
        self._send_seconds = send_seconds
        self._send_buffer = send_buffer
        self._needs_peer = needs_peer
        self._turnstile = turnstile
        # TLS holds decrypted bytes of which the descriptor knows nothing.
        self._decrypted: Callable[[], int] | None = getattr(sock, "pending", None)
        # Set by any thread, once, and read by the owner after each ring.
        self._farewell: bytes | None = None
        self._aborted = False
        self._bell: SocketBell | None = None  # set once, by the owner
        # All below is the owner's alone.
        self._watch: Watch | None = None
        self._inside = False  # whether the turnstile is to be left
        self._kept: deque[tuple[int, memoryview]] = deque()  # each with its place in all bytes
        self._give_up_at = 0.0  # while something is kept: the peer must take a byte until then
        self._broken = False
        self.written = 0
        """Bytes that were given to :meth:`write`, :meth:`write_control` included."""
        self.taken = 0
        """Bytes of these that the kernel has taken."""
        self._news_end = 0  # what was written before is not only pings
        self._news_taken = 0  # how much of this the peer had taken at the last look
        self._unread = 0  # bytes that had come and were not read, at the last look or read

    # -- from any thread ---------------------------------------------------------------------

    def ring(self) -> None:
        """Have the owner look at what has changed."""
        bell = self._bell
        if bell is not None:
            bell.ring()

    def start_close(self, code: int, reason: str) -> None:
        """Have the owner send a close frame and end. The first of several is sent."""
        if self._farewell is None:
            self._farewell = frames.close_frame(code, reason)
        self.ring()

    def abort(self) -> None:
        """Have the owner end at once, without a word."""
        self._aborted = True
        self.ring()

    # -- the owner ---------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Set the socket up; from here on the calling thread owns it.

        Raises:
            OSError: the process has no descriptor left for the bell.
        """
        self._socket.setblocking(False)
        if self._send_buffer is not None:
            self._bound_send_buffer(self._send_buffer)
        self._bell = SocketBell()
        self._watch = watch(self._socket, self._bell, hang_ups=self._needs_peer)
        return self

    def __exit__(self, *_: object) -> None:
        """Free the bell. The socket stays open."""
        if self._turnstile is not None and self._inside:
            self._turnstile.release()
        if self._bell is not None:
            self._bell.close()

    @property
    def farewell(self) -> bytes | None:
        """The close frame that somebody asked for, None as long as nobody did."""
        return self._farewell

    @property
    def over(self) -> bool:
        """Whether nothing can be sent any more: it was aborted, or the connection has broken."""
        return self._aborted or self._broken

    @property
    def pending(self) -> bool:
        """Whether there are bytes that the kernel has not taken yet."""
        return bool(self._kept)

    def write(self, data: bytes) -> None:
        """Send whole frames that carry messages or answers; what is not taken now is kept."""
        self._write(data)
        self._news_end = self.written

    def write_control(self, data: bytes) -> None:
        """Send the handshake's answer or control frames in the same way."""
        self._write(data)

    def read(self) -> bytes | None:
        """Return what was received: None for nothing so far, empty at the end of the stream.

        Raises:
            OSError: the connection is broken.
        """
        self._unread = 0
        try:
            return self._socket.recv(READ_BYTES)
        except _WOULD_BLOCK:
            return None

    def wait(self, seconds: float) -> bool:
        """Wait until there is something to read or to look at; tell whether there is to read.

        Returns after ``seconds`` at the latest, or once the bell rings. As long as something is
        kept it is sent, and nothing is read.
        """
        assert self._watch is not None, "use the channel in a with block"
        if self._turnstile is not None and self._inside:
            self._turnstile.release()
            self._inside = False
        if self._kept:
            return self._wait_to_write(self._watch, seconds)
        if self._decrypted is not None and self._decrypted():
            return True
        seen = self._watch.wait(seconds, writes=False)
        if seen & HUNG_UP:
            self._pass_turnstile()
        return bool(seen & READABLE)

    def shows_life(self) -> bool:
        """Tell whether the peer has taken messages or answers, or sent bytes that were not read.

        Since the last time asked, that is. Where the system tells, what was taken is what the
        peer has acknowledged, and not what the kernel holds for it. Pings do not count: a kernel
        takes them for a process that is frozen.
        """
        taken = min(self.taken - unacknowledged_bytes(self._socket), self._news_end)
        unread = unread_bytes(self._socket)
        alive = taken > self._news_taken or unread > self._unread
        self._news_taken = max(taken, self._news_taken)
        self._unread = unread
        return alive

    def finish(self, linger_seconds: float, *, send_seconds: float | None = None) -> None:
        """Send what is kept and nothing more, and read until the peer has closed its end.

        The peer has ``linger_seconds`` for that: closing while there are unread bytes would reset
        the connection, and take the close frame away from it. ``send_seconds`` replaces the time
        in which the peer must take a byte.
        """
        if send_seconds is not None:
            self._send_seconds = send_seconds
            self._give_up_at = min(self._give_up_at, monotonic() + send_seconds)
        while self._kept and not self.over:
            self.wait(self._send_seconds)
        if self.over:
            self._give_up()
            return
        try:
            if isinstance(self._socket, ssl.SSLSocket):
                send_close_notify(self._socket)
                self._decrypted = None  # from here on bytes are only thrown away
            self._shut_down(socket.SHUT_WR)
            self._read_to_the_end(monotonic() + linger_seconds)
        except OSError:
            return  # the connection is gone, and so is what it could have brought

    # -- helpers -----------------------------------------------------------------------------

    def _bound_send_buffer(self, size: int) -> None:
        """Have the kernel keep at most ``size`` bytes, unless it keeps less already."""
        option = socket.SOL_SOCKET, socket.SO_SNDBUF
        if self._socket.getsockopt(*option) > size:
            self._socket.setsockopt(*option, size)

    def _write(self, data: bytes) -> None:
        if self.over:
            return
        size = len(data)
        if not self._kept:
            self._give_up_at = monotonic() + self._send_seconds
        self._kept.append((self.written, memoryview(data)))
        self.written += size
        self._send_kept()

    def _send_kept(self) -> None:
        """Send as much as the kernel takes.

        What comes next follows from ``taken`` alone, so that no error between two statements can
        have bytes sent twice.
        """
        while self._kept:
            place, data = self._kept[0]
            rest = data[self.taken - place :]
            if not rest:
                self._kept.popleft()
                continue
            try:
                size = self._socket.send(rest if self._decrypted is None else rest[:_TLS_BYTES])
            except _WOULD_BLOCK:
                return
            except OSError:
                self._give_up()
                return
            self.taken += size
            self._give_up_at = monotonic() + self._send_seconds

    def _wait_to_write(self, watch: Watch, seconds: float) -> bool:
        left = self._give_up_at - monotonic()
        seen = watch.wait(max(min(seconds, left), 0), writes=True)
        if seen & HUNG_UP:
            self._pass_turnstile()
        if seen & HUNG_UP and self._needs_peer:
            self._give_up()
        elif seen & WRITABLE:
            self._send_kept()
        elif monotonic() >= self._give_up_at:
            self._give_up()
        return False

    def _pass_turnstile(self) -> None:
        """Take the turn of a session whose peer has gone; it is given back by the next wait."""
        if self._turnstile is not None:
            self._turnstile.acquire()
            self._inside = True

    def _give_up(self) -> None:
        """Send nothing more, not even what is kept; end both directions."""
        self._broken = True
        self._kept.clear()
        try:
            self._shut_down(socket.SHUT_RDWR)
        except OSError:
            return  # it is at its end already

    def _shut_down(self, how: int) -> None:
        # Not the method of a TLS socket, which goes back to plain text first.
        socket.socket.shutdown(self._socket, how)

    def _read_to_the_end(self, deadline: float) -> None:
        while (left := deadline - monotonic()) > 0 and not self.over:
            if self._discard():
                return
            self.wait(left)

    def _discard(self) -> bool:
        """Throw away what has come, as it came; tell whether the peer has closed its end."""
        try:
            return not socket.socket.recv(self._socket, READ_BYTES)
        except _WOULD_BLOCK:
            return False
