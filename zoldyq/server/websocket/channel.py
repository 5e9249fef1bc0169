"""The socket of one WebSocket session: whole frames out, one writer at a time.

Three threads may want to write: the session's own, the one that answers pings, and whoever shuts
the server down. The socket blocks, and ``SO_SNDTIMEO`` bounds a write: a time-out set with
``settimeout`` would cut frames without a word. After a short write it is known how much the
kernel took, and so which messages have not left.
"""

from __future__ import annotations

import select
import selectors
import socket
import struct
import sys
import threading
from collections.abc import Callable
from time import monotonic

from zoldyq.server.websocket import frames

#: Bytes read at once: about a thousand small messages.
READ_BYTES = 1 << 16

# The kernel gives up a blocked send after this part of the time allowed, so that the time is
# counted from the last byte that was taken, and not kept for each single call.
_SEND_SLICES = 4


class Channel:
    """Writes frames to a blocking socket and reads from it. It never closes the socket.

    A peer that takes not a byte within ``send_seconds`` is given up.
    """

    def __init__(self, sock: socket.socket, send_seconds: float) -> None:
        self._socket = sock
        # TLS holds decrypted bytes of which the descriptor knows nothing.
        self._pending: Callable[[], int] | None = getattr(sock, "pending", None)
        self._send_seconds = send_seconds
        # One writer at a time, for whole frames. Unlike a queue's lock it is held across a send.
        self._lock = threading.Lock()
        self._begun = False  # guarded by the lock: the answer to the handshake was sent
        self._ended = False  # guarded by the lock: a close frame was sent, or sending failed
        # A close frame to send as soon as nobody writes. Only ever set, by any thread.
        self._farewell: bytes | None = None
        self._closing = False
        #: Called on any thread when the end begins, before the peer can know; may be called again.
        self.on_closing: Callable[[], None] = _do_nothing
        self._readable = _selector()
        self._readable.register(sock, selectors.EVENT_READ)
        self._hang_up = _hang_up_poll(sock)

    def take_over(self) -> None:
        """Set the socket up; from here on it is nobody else's to use."""
        self._socket.setblocking(True)
        option = _time_option(self._send_seconds / _SEND_SLICES)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, option)

    @property
    def closing(self) -> bool:
        """Whether the session is at its end. Once true, no more frames are taken."""
        return self._closing

    def write(self, data: bytes) -> int:
        """Send whole frames and return how many bytes the kernel took.

        Fewer than all means that the session is at its end, and that nothing follows.
        """
        with self._lock:
            taken = 0 if self._closing else self._send(data)
        self._say_farewell()
        return taken

    def answer(self, act: Callable[[], bytes]) -> None:
        """Act and send the frames that tell of it, unless the session is at its end.

        No close frame comes between the act and its answer, so the peer knows of all that was
        done for it.
        """
        with self._lock:
            if not self._closing:
                self._send(act())
        self._say_farewell()

    def write_control(self, data: bytes) -> None:
        """Send the handshake's answer or control frames; a close frame among them is the last."""
        last = frames.closes(data)
        if last:
            self._begin_closing()  # before the lock: a writer that has it often must not go on
        with self._lock:
            if not self._ended:
                self._send(data)
                self._begun = True
                if last:
                    self._ended = True
        self._say_farewell()

    def start_close(self, code: int, reason: str) -> None:
        """Have a close frame sent as soon as no frame is on its way; never blocks."""
        if not self._closing:
            self._farewell = frames.close_frame(code, reason)
            self._begin_closing()
        self._say_farewell()

    def abort(self) -> None:
        """End both directions at once, waking every thread that reads or writes."""
        self._begin_closing()
        self._end_both_directions()

    def hung_up(self) -> bool:
        """Tell whether the peer sends nothing any more; always False outside Linux."""
        return self._hang_up is not None and bool(self._hang_up.poll(0))

    def wait_readable(self, seconds: float) -> bool:
        """Wait for bytes, or the end of them, and tell whether there is something to read."""
        if self._pending is not None and self._pending():
            return True
        return bool(self._readable.select(seconds))

    def read(self) -> bytes:
        """Return what was received, empty at the end. Raises OSError when the peer reset it."""
        if self._pending is None:
            return self._socket.recv(READ_BYTES)
        with self._lock:  # two threads in one TLS session are more than OpenSSL bears
            return self._socket.recv(READ_BYTES)

    def linger(self, seconds: float) -> None:
        """Send nothing more and read until the peer has closed, for ``seconds`` at the most.

        A write or a close frame that is on its way is waited for, and the peer's end, too, since
        closing while there are unread bytes would reset the connection, and take the close frame
        away from the peer.
        """
        self._begin_closing()
        deadline = monotonic() + seconds
        with self._lock:
            self._send_farewell()
        try:
            self._shut_down(socket.SHUT_WR)
            while (left := deadline - monotonic()) > 0 and self.wait_readable(left):
                if not self.read():
                    return
        except OSError:
            return  # the connection is gone, and so is what it could have brought

    def _begin_closing(self) -> None:
        self._closing = True
        self.on_closing()

    def _end_both_directions(self) -> None:
        try:
            self._shut_down(socket.SHUT_RDWR)
        except OSError:
            return  # it is at its end already

    def _shut_down(self, how: int) -> None:
        # Not the method of a TLS socket: it goes back to plain text first, while others may write.
        socket.socket.shutdown(self._socket, how)

    def _say_farewell(self) -> None:
        """Send the close frame, unless somebody writes: he will, as he comes by here after it."""
        if self._farewell is None or not self._lock.acquire(blocking=False):
            return
        try:
            self._send_farewell()
        finally:
            self._lock.release()

    def _send_farewell(self) -> None:
        """Send the close frame that is due, if any; the caller holds the lock."""
        if self._farewell is None or self._ended or not self._begun:
            return
        # A peer that has not taken its messages will not take this either.
        if self._writable():
            self._send(self._farewell)
        self._ended = True

    def _writable(self) -> bool:
        with _selector() as selector:
            selector.register(self._socket, selectors.EVENT_WRITE)
            return bool(selector.select(0))

    def _send(self, data: bytes) -> int:
        """Send until all is taken or the peer is given up; the caller holds the lock."""
        if self._ended:
            return 0
        view = memoryview(data)
        deadline = monotonic() + self._send_seconds
        while view:
            try:
                taken = self._socket.send(view)
            except BlockingIOError:
                if monotonic() < deadline:
                    continue
                self._ended = True
            except OSError:
                self._ended = True
            if self._ended:
                self._closing = True
                self._end_both_directions()  # which wakes the reader
                break
            view = view[taken:]
            deadline = monotonic() + self._send_seconds
        return len(data) - len(view)


def _do_nothing() -> None:
    """Take the place of a callback."""


def _selector() -> selectors.BaseSelector:
    """Return a selector that costs no descriptor."""
    selector: type[selectors.BaseSelector]
    selector = getattr(selectors, "PollSelector", selectors.SelectSelector)
    return selector()


def _hang_up_poll(sock: socket.socket) -> select.poll | None:
    """Return what sees a hang-up although there are unread bytes; None outside Linux."""
    if not hasattr(select, "POLLRDHUP"):
        return None
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP)
    return poll


def _time_option(seconds: float) -> bytes | int:
    """Return so many seconds as SO_SNDTIMEO wants them."""
    microseconds = max(int(seconds * 1e6), 1)
    if sys.platform == "win32":
        return max(microseconds // 1000, 1)
    return struct.pack("@ll", *divmod(microseconds, 1_000_000))
