"""What a producer sends next, and what a failure means for it: rules without input or output."""

from __future__ import annotations

from collections.abc import Sequence

from zoldyq.client.buffer import Buffer
from zoldyq.client.errors import (
    BufferFull,
    ClientClosed,
    ConnectionLost,
    MessagesUnsent,
    NotAcknowledged,
)
from zoldyq.client.options import SenderOptions
from zoldyq.client.own_work import log
from zoldyq.contract.errors import BadRequest, InvalidTimeout, ZoldyQError

#: The server may let one attempt wait for room for so many seconds. Short, so that a producer that
#: is closed does not leave a request behind.
_ATTEMPT_SECONDS = 2.0

#: Codes of refusals that are about a message. Any other may be over one day: a queue that is not
#: there is created, a token is put right.
_ABOUT_A_MESSAGE = frozenset(
    {
        "invalid_json",
        "body_too_large",
        "batch_too_large",
        "message_too_large",
        "batch_exceeds_capacity",
    }
)


class Delivery:
    """The messages of a buffer that are being sent, however often that takes.

    Not safe between threads: the owner holds a lock.
    """

    def __init__(self, buffer: Buffer, options: SenderOptions) -> None:
        self._buffer = buffer
        self._options = options
        self._size = 0  # how many of them to send at a time
        self._untold: list[bytes] = []  # refused messages that the program has not heard of
        #: The seconds that the server may let one attempt wait.
        self.attempt_seconds = _ATTEMPT_SECONDS
        #: The last failure.
        self.reason: Exception | None = None

    def begin(self) -> None:
        """Take the next batch out of those that wait."""
        self._buffer.take_batch()
        self._size = len(self._buffer.sending)

    @property
    def batch(self) -> Sequence[bytes]:
        """What to send next; empty once all are done with."""
        return self._buffer.sending[: self._size]

    def succeeded(self, count: int, displaced: int) -> None:
        """The server has taken the first ``count`` messages of the batch.

        ``displaced`` older ones had to go from the queue for them.
        """
        self._buffer.displaced += displaced
        self._buffer.settle(count, acknowledged=True)
        self._size = 2 * max(count, 1)

    def failed(self, error: Exception, batch: Sequence[bytes]) -> Exception | None:
        """Note why a batch was not sent; return what the program is told, None for nothing."""
        self._buffer.failures += 1
        self.reason = error
        self._size = len(batch)
        if isinstance(error, ConnectionLost):
            if not self._options.resend_unknown:
                return self._refuse(len(batch), error)
            self._buffer.resent += len(batch)
        elif is_about_a_message(error):
            # One of them is wrong: find it, and let the others through.
            self._size = len(batch) // 2
            return None if len(batch) > 1 else self._refuse(1, error)
        elif isinstance(error, InvalidTimeout):
            maximum = error.details.get("maximum")
            self.attempt_seconds = float(maximum) if isinstance(maximum, (int, float)) else 0.0
        return error

    def give_up(self) -> None:
        """Drop all messages, and tell of them with those that were refused."""
        self._untold += self._buffer.give_up()

    def turned_away(self) -> BufferFull:
        """Count a message that the buffer has no room for, and return the error that says so.

        Its ``__cause__`` is to be :attr:`reason`, as that of the one below.
        """
        self._buffer.turned_away += 1
        return BufferFull(
            f"the buffer of this producer is full ({len(self._buffer)} messages): "
            f"{self.reason or 'the server is slower than the program'}",
            pending=self._buffer.pending,
        )

    def not_acknowledged(self, pending: int, timeout: float) -> NotAcknowledged:
        """Return the error that tells of ``pending`` messages after ``timeout`` seconds."""
        return NotAcknowledged(
            f"{pending} messages are not acknowledged, after {timeout} s: "
            f"{self.reason or 'no answer yet'}",
            pending=pending,
        )

    def refusal(self, *, ended: bool) -> MessagesUnsent | ClientClosed:
        """Return why a producer that was closed takes no message; ``ended`` if it sends no more.

        What it holds then is dropped and told of.
        """
        if ended and self._buffer.pending:
            unsent = MessagesUnsent(self._buffer.give_up(), self.reason)
            unsent.__cause__ = self.reason
            return unsent
        return ClientClosed("this producer is closed: make another")

    def take_untold(self) -> MessagesUnsent | None:
        """Return the error that tells of the messages that were not sent; None if there are none.

        Its ``__cause__`` is to be :attr:`reason`.
        """
        texts, self._untold = self._untold, []
        return MessagesUnsent(texts, self.reason) if texts else None

    def _refuse(self, count: int, error: Exception) -> MessagesUnsent:
        texts = self._buffer.settle(count, acknowledged=False)
        self._size = 1
        if self._options.on_error is None:
            room = self._options.limits.messages - len(self._untold)
            self._untold += texts[: max(room, 0)]
        unsent = MessagesUnsent(texts, error)
        unsent.__cause__ = error
        return unsent


def is_about_a_message(error: Exception) -> bool:
    """Whether the server refuses one of the messages, and would take others."""
    return isinstance(error, BadRequest) and error.code in _ABOUT_A_MESSAGE


def tell(options: SenderOptions, error: Exception | None) -> None:
    """Log what was given up, and tell the program of an error if it wants to know."""
    if isinstance(error, MessagesUnsent):
        count = len(error.payloads)
        log.warning("%s: %d messages are given up: %s", options.name, count, error.__cause__)
    if options.on_error is None or not isinstance(error, ZoldyQError):
        return
    try:
        options.on_error(error)
    except Exception:  # noqa: BLE001 - the program's own, of whatever kind
        log.exception("%s: on_error failed", options.name)
