"""Single messages in, batches out.

Any thread appends to a buffer; one thread of the producer's own sends it
(:mod:`zoldyq.client.sender`). The buffer is bounded, so that memory does not grow while the server
is slower than the program or away.
"""

from __future__ import annotations

import weakref
from types import TracebackType
from typing import Any

from msgspec import UNSET, UnsetType

from zoldyq.client.buffer import ProducerStats
from zoldyq.client.deadline import seconds
from zoldyq.client.errors import MessagesUnsent
from zoldyq.client.forks import renew_in_children
from zoldyq.client.options import SenderOptions, check_sender_options
from zoldyq.client.own_work import log
from zoldyq.client.payloads import checked, encode
from zoldyq.client.sender import Sender, SendSome


class Producer:
    """Sends messages in batches and in order. Threads may share it.

    Use it as a context manager, or close it. It is made by :meth:`RemoteQueue.producer`, where the
    options are explained. ``timeout`` is for :meth:`send`, :meth:`flush` and :meth:`close`.

    An outage of the server or a full queue does not end it: it keeps its buffer and goes on
    trying. A batch whose reply was lost is sent again, so the queue may have it twice
    (``stats().resent``), unless ``resend_unknown`` is False.

    After a fork the child has an empty buffer and a thread of its own. What its parent had buffered
    stays with the parent, which sends it.

    Raises:
        InvalidOption: an option is out of its range.
    """

    def __init__(self, send_some: SendSome, options: SenderOptions, timeout: float | None) -> None:
        check_sender_options(options)
        self._send_some = send_some
        self._options = options
        self._timeout = seconds(timeout)
        self._begin()
        renew_in_children(self, Producer._begin_anew)

    def send(self, payload: Any) -> None:
        """Append a message: any value that JSON can express.

        Raises:
            InvalidPayload: JSON cannot express the value.
            BufferFull: there is no room for it, also after waiting where ``when_full="block"``.
            ClientClosed: the producer is closed.
            MessagesUnsent: it has given up, after ``give_up_after`` seconds; this message is not
                among the ``payloads``.
        """
        self._sender.append(encode(payload), self._timeout)

    def send_raw(self, text: bytes | str) -> None:
        """Append a message that is JSON text already; else as :meth:`send`.

        Raises:
            InvalidJson: it is not a JSON text.
        """
        self._sender.append(checked(text), self._timeout)

    def flush(self, timeout: float | UnsetType | None = UNSET) -> None:
        """Wait until every message so far is acknowledged; ``timeout`` is the producer's if unset.

        Raises:
            NotAcknowledged: it takes longer. The messages stay in the buffer.
            MessagesUnsent: the server refused some for good. Their texts are in ``payloads``.
        """
        self._sender.flush(self._timeout if timeout is UNSET else seconds(timeout))

    def close(self, timeout: float | UnsetType | None = UNSET) -> None:
        """Send what is left, and end. ``timeout`` is the producer's if unset; None has no end.

        Raises:
            MessagesUnsent: not all could be sent in time. Their texts are in ``payloads``.
        """
        self._sender.close(self._timeout if timeout is UNSET else seconds(timeout))

    def stats(self) -> ProducerStats:
        """Return what became of the messages so far."""
        return self._sender.stats()

    def __enter__(self) -> Producer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it. An exception of the block stays the one that is raised."""
        try:
            self.close()
        except MessagesUnsent as unsent:
            if error is None:
                raise
            log.warning("%s: %s", self._options.name, unsent)
            error.add_note(f"beside this, {unsent}")
            if error.__context__ is None:
                unsent.__context__ = None  # it would be this error: a cycle
                error.__context__ = unsent

    def _begin_anew(self) -> None:
        """Leave buffer and thread to the parent process."""
        self._finalizer.detach()
        self._begin()

    def _begin(self) -> None:
        self._sender = Sender(self._send_some, self._options)
        # The thread does not keep the producer alive. One that is dropped without having been
        # closed still sends what it has.
        self._finalizer = weakref.finalize(self, self._sender.stop, self._timeout)
        self._finalizer.atexit = False  # the sender has its own way at the end of the program
