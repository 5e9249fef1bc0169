"""Single messages in, batches out.

Any thread appends to a buffer; one thread of the producer's own sends it. The buffer is bounded:
when the server is slower than the program, sending waits, and memory does not grow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain
from threading import Condition, Thread
from types import TracebackType
from typing import Any

from zoldyq.client.deadline import Deadline
from zoldyq.client.errors import ClientError, MessagesUnsent
from zoldyq.client.payloads import checked, encode

# Full batches that may wait while another is on its way.
_READY_BATCHES = 8


class Producer:
    """Sends messages in batches and in order. Threads may share it.

    ``send_some`` sends as many of the first of some payloads as it can, and returns how many.

    Use it as a context manager, or close it: what was not sent by the end of the program is lost.
    When the server refuses a batch for good, every later call raises :class:`MessagesUnsent`,
    which holds all messages that were not acknowledged. It is made by
    :meth:`RemoteQueue.producer`.
    """

    def __init__(
        self,
        send_some: Callable[[Sequence[bytes]], int],
        *,
        max_messages: int,
        max_bytes: int,
        max_delay: float,
    ) -> None:
        self._send_some = send_some
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._max_delay = max_delay
        # Guards every field below. Notified when the sender has something to do, or has done
        # something. Never held while a batch is sent.
        self._changed = Condition()
        self._filling: list[bytes] = []
        self._filling_bytes = 0
        self._due = Deadline(0.0)  # when what is filling goes out, even if it is not full
        self._ready: deque[Sequence[bytes]] = deque()
        self._sending: Sequence[bytes] = ()
        self._accepted = 0  # messages so far
        self._acknowledged = 0  # of these
        self._closed = False
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, name="zoldyq-producer", daemon=True)
        self._thread.start()

    def send(self, payload: Any) -> None:
        """Append a message: any value that JSON can express. Waits while the buffer is full.

        Raises:
            TypeError: JSON cannot express the value.
            MessagesUnsent: the producer has given up; this message is not among its payloads.
            ClientError: the producer is closed.
        """
        self._append(encode(payload))

    def send_raw(self, text: bytes | str) -> None:
        """Append a message that is JSON text already; else as :meth:`send`.

        Raises:
            InvalidJson: it is no JSON text.
        """
        self._append(checked(text))

    def flush(self) -> None:
        """Wait until every message so far is acknowledged. Raises MessagesUnsent."""
        with self._changed:
            self._seal()
            target = self._accepted
            self._changed.wait_for(lambda: self._acknowledged >= target or self._error is not None)
            self._check_error()

    def close(self) -> None:
        """Send what is left and end. Raises MessagesUnsent."""
        with self._changed:
            self._closed = True
            self._seal()
            self._changed.notify_all()
        self._thread.join()
        with self._changed:
            self._check_error()

    def __enter__(self) -> Producer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- the buffer: the caller holds the lock -------------------------------------------------

    def _check_error(self) -> None:
        if self._error is not None:
            unsent = [*self._sending, *chain.from_iterable(self._ready), *self._filling]
            raise MessagesUnsent(unsent, self._error) from self._error

    def _seal(self) -> None:
        """Have what is filling sent as it is."""
        if self._filling:
            self._ready.append(self._filling)
            self._filling = []
            self._filling_bytes = 0
            self._changed.notify_all()

    def _check_open(self) -> None:
        self._check_error()
        if self._closed:
            raise ClientError("this producer is closed: make another")

    def _append(self, text: bytes) -> None:
        with self._changed:
            self._check_open()
            while len(self._ready) >= _READY_BATCHES:
                self._changed.wait()
                self._check_open()
            if self._filling_bytes + len(text) > self._max_bytes:
                self._seal()
            if not self._filling:
                self._due = Deadline(self._max_delay)
                self._changed.notify_all()
            self._filling.append(text)
            self._filling_bytes += len(text)
            self._accepted += 1
            if len(self._filling) >= self._max_messages:
                self._seal()

    # -- the sender's thread -------------------------------------------------------------------

    def _run(self) -> None:
        while self._error is None and self._take_batch():
            self._send_batch()

    def _take_batch(self) -> bool:
        """Wait for a batch, and tell whether there is one to send."""
        with self._changed:
            while not self._ready:
                if self._filling and not self._due.left:
                    self._seal()
                elif self._closed:
                    return False
                else:
                    self._changed.wait(self._due.left if self._filling else None)
            self._sending = self._ready.popleft()
            self._changed.notify_all()
            return True

    def _send_batch(self) -> None:
        try:
            while self._sending:
                sent = self._send_some(self._sending)
                with self._changed:
                    self._sending = self._sending[sent:]
                    self._acknowledged += sent
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 - raised again in the threads that send
            with self._changed:
                self._error = error
                self._changed.notify_all()
