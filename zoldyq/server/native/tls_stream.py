"""The bytes of one connection through TLS.

Encryption begins with the first bytes of the client, so a client that says nothing costs no more
than one without TLS. A handshake goes on with every event of the socket and never blocks. It counts
as the beginning of the first request, so the deadlines of requests hold for it.

A response is written in pieces of one record, the largest that TLS encrypts at once: a write that
returns has been taken by the system as a whole. A record of which a part was taken cannot be
decrypted, so its messages are not delivered, and nothing of it is sent once they are put back.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable

from zoldyq.contract.errors import TlsHandshakeFailed, TlsRequired
from zoldyq.server.native.handshakes import HandshakePace, Resumable
from zoldyq.server.native.http.engine import Answer
from zoldyq.server.native.stream import Outbox
from zoldyq.server.tls import Certificate, send_close_notify
from zoldyq.wire import Reply

_log = logging.getLogger(__name__)

#: What TLS encrypts at once, at most: RFC 8446, section 5.1.
_RECORD_BYTES = 16 << 10
#: Full records that are received before other connections have their turn.
_RECORDS_A_TURN = 6
#: Bytes sent before other connections have their turn.
_SEND_BYTES = 1 << 18
#: What is decrypted of further requests while one waits. More waits in the kernel.
_EARLY_BYTES = 1 << 16
_DISCARD_BYTES = 96 << 10
#: The first byte of each handshake: RFC 8446, section 5.1, ContentType.
_HANDSHAKE = b"\x16"


class TlsStream:
    """A stream over TLS, on the server's side.

    ``count_refusal`` is told the code of the error where a handshake fails. ``pace`` is that of
    the loop, which all its streams share.
    """

    __slots__ = (
        "_certificate",
        "_count_refusal",
        "_early",
        "_open",
        "_outbox",
        "_pace",
        "_tls",
        "admitted",
        "broken",
        "crowded",
        "refusal",
        "sock",
        "unsent",
        "waits_to_read",
    )

    def __init__(
        self,
        sock: socket.socket,
        certificate: Certificate,
        count_refusal: Callable[[str], None],
        pace: HandshakePace,
    ) -> None:
        self.sock = sock
        self.unsent = 0
        self.broken = False
        self.refusal: TlsRequired | None = None
        self.waits_to_read = True
        self._certificate = certificate
        self._count_refusal = count_refusal
        self._pace = pace
        self.admitted = False  # to the next step of the handshake
        self.crowded = False
        self._tls: ssl.SSLSocket | None = None  # from the first bytes on, in the place of sock
        self._open = False  # whether requests can be read and answers sent
        self._early = b""  # decrypted, and not received yet
        self._outbox: Outbox | None = None  # while something is unsent

    # -- the handshake -------------------------------------------------------------------------

    def _go_on_with_handshake(self) -> bool:
        """Do what can be done for the handshake now; tell whether it is over."""
        if self.admitted:
            self.admitted = False
        elif not self._pace.admits():
            self.crowded = True
            return False
        self.crowded = False
        self.unsent = 0 if self._outbox is None else self._outbox.size
        self.waits_to_read = True
        try:
            if self._tls is None and not self._begin():
                return self._open
            assert self._tls is not None
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLWantWriteError:
            self.waits_to_read = False
            self.unsent += 1  # of how many bytes it is, OpenSSL does not tell
            return False
        except (OSError, ValueError) as error:  # ValueError: the peer has gone before wrap_socket
            self._fail(error)
            return False
        self._open = True
        self.waits_to_read = False
        return True

    def _begin(self) -> bool:
        """Look at the first byte; tell whether it begins a handshake."""
        try:
            first = self.sock.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        if first == _HANDSHAKE:
            self.sock = self._tls = self._certificate.context.wrap_socket(
                self.sock, server_side=True, do_handshake_on_connect=False
            )
            return True
        if first.isalpha():  # a method of HTTP
            self.refusal = TlsRequired(
                "this port speaks HTTP over TLS only: write https:// in the address, or wss://"
            )
            self._open = True  # in plain text
            self.waits_to_read = False
        elif first:
            self._fail(ssl.SSLError(1, "the first byte begins no handshake"))
        else:
            self.broken = True
        return False

    def _fail(self, error: Exception) -> None:
        self.broken = True
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
            self._count_refusal(TlsHandshakeFailed.code)
            _log.debug("a TLS handshake has failed: %s", error)
        # Bytes that nobody reads would reset the connection, and take the alert from the peer.
        self.discard()

    def line_up(self, connection: Resumable) -> None:
        self._pace.line_up(self, connection)

    # -- in ------------------------------------------------------------------------------------

    def receive(self) -> bytes | None:
        if not self._open and not self._go_on_with_handshake():
            return b"" if self.broken else None
        if self._early:
            early, self._early = self._early, b""
            return early
        return None if self.refusal is not None else self._receive()

    def _receive(self) -> bytes | None:
        """Receive a record, and those that follow while they are full."""
        data = self._receive_record()
        if data is None or len(data) < _RECORD_BYTES:
            return data
        records = [data]
        while len(data) == _RECORD_BYTES and len(records) < _RECORDS_A_TURN:
            data = self._receive_record()
            if not data:
                break  # an end shows again the next time
            records.append(data)
        return b"".join(records)

    def _receive_record(self) -> bytes | None:
        try:
            return self.sock.recv(_RECORD_BYTES)
        except (ssl.SSLWantReadError, BlockingIOError, InterruptedError):
            return None
        except OSError:
            # SSLWantWriteError, too: a peer that asks for new keys again and again, and does not
            # read. Its socket stays readable, and would keep the loop busy.
            self.broken = True
            return b""

    def receive_into(self, space: memoryview) -> int | None:
        if self._early:
            size = min(len(space), len(self._early))
            space[:size] = self._early[:size]
            self._early = self._early[size:]
            return size
        try:
            return self.sock.recv_into(space)
        except (ssl.SSLWantReadError, BlockingIOError, InterruptedError):
            return None
        except OSError:
            self.broken = True
            return 0

    @property
    def pending(self) -> bool:
        if self.admitted:
            return True
        return bool(self._early or (self._tls is not None and self._open and self._tls.pending()))

    @property
    def looks_ahead(self) -> bool:
        return len(self._early) < _EARLY_BYTES

    def at_end(self) -> bool:
        """Decrypt what has come, for only that tells a request from the end, and keep it."""
        data = self._receive()
        if data:
            self._early += data
        return data == b""

    # -- out -----------------------------------------------------------------------------------

    def send(self, answer: Answer) -> bool:
        response = answer.response
        size = len(response)
        if self._outbox is not None or size > _RECORD_BYTES or not self._open:
            self.add(answer)
            return self.flush()
        try:
            sent = self.sock.send(response)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError, BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.broken = True
            sent = 0
        if sent == size:
            return True
        self.add(answer)
        assert self._outbox is not None
        self._outbox.view()  # what was tried is tried again, and nothing is joined to it
        self._outbox.sent = sent
        self.unsent = size - sent
        return False

    def add(self, answer: Answer) -> None:
        if self._outbox is None:
            self._outbox = Outbox()
        self.unsent += len(answer.response)
        self._outbox.add(answer)

    def flush(self) -> bool:
        if not self._open and not self._go_on_with_handshake():
            return False
        outbox = self._outbox
        if outbox is None:
            return True
        turn_ends = outbox.sent + _SEND_BYTES
        try:
            while (view := outbox.view()) and outbox.sent < turn_ends:
                outbox.sent += self.sock.send(view[:_RECORD_BYTES])
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError, BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.broken = True
        self.unsent = outbox.size
        outbox.forget_delivered()
        if not self.unsent:
            self._outbox = None
        return not self.unsent

    def take_back(self) -> Reply | None:
        return None if self._outbox is None else self._outbox.take_back()

    # -- the end -------------------------------------------------------------------------------

    def end_sending(self) -> bool:
        self._say_end()
        try:
            # Not the method of a TLS socket, which goes back to plain text first.
            socket.socket.shutdown(self.sock, socket.SHUT_WR)
        except OSError:
            return False
        return True

    def discard(self) -> bool:
        try:
            return not socket.socket.recv(self.sock, _DISCARD_BYTES)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def close(self) -> None:
        if self._tls is not None and not self._open and not self.broken:
            self._count_refusal(TlsHandshakeFailed.code)  # it has not come to its end in time
        if not self.unsent:  # else the rest of a record would go out, whose messages are back
            self._say_end()
        self._outbox = None
        self._early = b""
        self.unsent = 0
        self.sock.close()

    def _say_end(self) -> None:
        """Send a close_notify, once."""
        tls, self._tls = self._tls, None
        if tls is not None and self._open and not self.broken:
            send_close_notify(tls)
