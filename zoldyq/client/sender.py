"""The thread of a producer: it sends what is in a buffer, in batches and in order.

The thread goes on trying for as long as it takes: an outage ends no sender. A message leaves the
buffer when the server has acknowledged it, when the server will never take it (it is refused, and
told), when the buffer is full and the oldest have to go, or when the sender is closed and its time
is over.

A sender belongs to one process; after a fork the child needs a new one.
"""

from __future__ import annotations

import atexit
import math
import threading
from collections.abc import Callable, Sequence
from time import sleep
from typing import NoReturn
from weakref import WeakSet

from zoldyq.client.buffer import Buffer, ProducerStats
from zoldyq.client.deadline import Deadline, bounded
from zoldyq.client.delivery import Delivery, is_about_a_message, tell
from zoldyq.client.errors import ClientClosed
from zoldyq.client.forks import renew_in_children
from zoldyq.client.options import SenderOptions
from zoldyq.client.outage import Outage
from zoldyq.client.own_work import log, own_work
from zoldyq.contract.errors import ZoldyQError

#: A sender that is closed pauses no longer than this between attempts, in seconds.
_LAST_PAUSE = 0.1

#: At the end of the program, senders that were not closed have so many seconds for what is left.
_EXIT_SECONDS = 5.0


#: Sends as many of the first of some payloads as it can, within so many seconds. Returns how many,
#: and how many older messages had to go from the queue for them.
SendSome = Callable[[Sequence[bytes], float], tuple[int, int]]


class Sender:
    """Takes messages from any thread, and sends them from one of its own.

    The thread starts with the first message.
    """

    def __init__(self, send_some: SendSome, options: SenderOptions) -> None:
        self._send_some = send_some
        self._options = options
        self._batch_messages = options.limits.batch_messages
        self._batch_bytes = options.limits.batch_bytes
        # Guards the fields up to the next comment. Notified when the thread has something to do,
        # or has done something. Never held while a batch is sent, or while a callback runs.
        self._changed = threading.Condition()
        self._buffer = Buffer(options.limits)
        # Who sends: the thread, or one that closes or flushes where no thread has started.
        self._thread: threading.Thread | None = None
        self._ended = False  # whether nothing will be sent any more
        self._due = Deadline(0.0)  # when what waits goes out, even if it is no whole batch
        self._hurry_until = 0  # messages up to this number do not wait for company
        self._end: Deadline | None = None  # once it is closed
        self._delivery = Delivery(self._buffer, options)

    # -- any thread ----------------------------------------------------------------------------

    def append(self, text: bytes, timeout: float) -> None:
        """Take a message; wait up to ``timeout`` seconds for room if that is what to do.

        Raises:
            BufferFull: there is no room for it.
            ClientClosed: the sender was closed.
            MessagesUnsent: the sender has given up; this message is not among the payloads.
        """
        buffer = self._buffer
        with self._changed:
            if self._end is not None:
                self._refuse_to_append()
            count = buffer.append(text)
            if not count:
                self._make_room(text, timeout)
                count = buffer.append(text)
            if self._thread is None:
                self._start()
            if count == 1:
                self._due = Deadline(self._options.max_delay)
                self._changed.notify_all()
            if count >= self._batch_messages or buffer.waiting_bytes >= self._batch_bytes:
                self._changed.notify_all()

    def flush(self, timeout: float) -> None:
        """Wait until every message so far is done with.

        Raises:
            NotAcknowledged: that took longer than ``timeout`` seconds.
            MessagesUnsent: some were refused for good.
        """
        with self._changed:
            target = self._hurry_until = self._buffer.accepted
            self._changed.notify_all()
        if self._takes_the_threads_place():
            self._run_in_place(wait=False)
        with self._changed:
            self._changed.wait_for(
                lambda: self._buffer.done >= target or self._ended, bounded(timeout)
            )
            pending = target - self._buffer.done
            if pending > 0:
                unknown = self._delivery.not_acknowledged(pending, timeout)
                raise unknown from self._delivery.reason
        self._raise_untold()

    def close(self, timeout: float) -> None:
        """Send what is left within ``timeout`` seconds, and end. With 0, until an attempt fails.

        Raises:
            MessagesUnsent: some messages were not sent.
        """
        self.stop(timeout)
        if self._takes_the_threads_place():
            self._run_in_place(wait=True)
        with self._changed:
            self._changed.wait_for(lambda: self._ended, bounded(timeout) if timeout else None)
            self._delivery.give_up()
            self._changed.notify_all()
        self._raise_untold()

    def stop(self, timeout: float) -> None:
        """Take no more messages, and end when all are sent or after ``timeout`` seconds."""
        with self._changed:
            if self._end is None:
                self._end = Deadline(timeout)
            self._changed.notify_all()

    def stats(self) -> ProducerStats:
        """Return one consistent set of figures."""
        with self._changed:
            return self._buffer.stats()

    # -- helpers of these: the caller holds the lock ---------------------------------------------

    def _refuse_to_append(self) -> NoReturn:
        raise self._delivery.refusal(ended=self._ended)

    def _make_room(self, text: bytes, timeout: float) -> None:
        buffer, policy = self._buffer, self._options.when_full
        if policy == "drop_oldest":
            while not buffer.has_room(text):
                buffer.drop_oldest()
            return
        if policy == "block":
            self._changed.wait_for(
                lambda: self._ended or self._end is not None or buffer.has_room(text),
                bounded(timeout),
            )
            if self._end is not None:
                self._refuse_to_append()
        if not buffer.has_room(text):
            raise self._delivery.turned_away() from self._delivery.reason

    def _is_due(self) -> bool:
        buffer = self._buffer
        return bool(buffer) and (
            self._end is not None
            or buffer.done < self._hurry_until
            or buffer.has_batch
            or self._due.passed
        )

    def _start(self) -> None:
        _unfinished.add(self)
        renew_in_children(self, _unfinished.discard)  # a child leaves it to its parent
        thread = threading.Thread(target=self._run_thread, name="zoldyq-producer", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return  # the interpreter ends: what is left is sent by the thread that closes
        self._thread = thread

    # -- helpers of these: the caller does not hold the lock -------------------------------------

    def _raise_untold(self) -> None:
        with self._changed:
            unsent = self._delivery.take_untold()
            reason = self._delivery.reason
        if unsent is not None:
            raise unsent from reason

    def _takes_the_threads_place(self) -> bool:
        """Make the caller the one that sends, if there is no thread; tell whether it is now.

        There is none before the first message, and after a start that failed or was interrupted.
        """
        with self._changed:
            if self._thread is not None:
                return False
            self._thread = threading.current_thread()
            return True

    def _run_in_place(self, *, wait: bool) -> None:
        """Send as the thread would. After a flush, or a signal, there may be a thread again."""
        over = False
        try:
            self._run(wait=wait)
            over = wait
        finally:
            with self._changed:
                self._ended = over
                if not over:
                    self._thread = None
                    if self._buffer and self._end is None:
                        self._start()

    # -- the thread ----------------------------------------------------------------------------

    def _run_thread(self) -> None:
        """Be the thread, unless another has become it since a signal interrupted the start."""
        with self._changed:
            self._thread = self._thread or threading.current_thread()
        if self._thread is threading.current_thread():
            self._run()

    def _run(self, *, wait: bool = True) -> None:
        """Send what there is; with ``wait`` also what comes, until the sender is closed."""
        try:
            with own_work():
                while self._next_batch(wait) and self._deliver():
                    pass
        finally:
            with self._changed:
                self._ended = wait
                self._changed.notify_all()

    def _next_batch(self, wait: bool) -> bool:
        """Wait for a batch if there is none, and tell whether there is one to send."""
        with self._changed:
            while not self._is_due():
                if self._end is not None or not wait:
                    return False
                self._changed.wait(self._due.left if self._buffer else None)
            self._delivery.begin()
            self._due = Deadline(self._options.max_delay)
            self._changed.notify_all()
            return True

    def _deliver(self) -> bool:
        """Send the batch, however often that takes; False when there is no time left for it."""
        outage = Outage(self._options.name, self._options.give_up_after)
        while batch := self._next_part():
            try:
                sent, displaced = self._send_some(batch, self._wait_seconds(outage))
            except Exception as error:  # noqa: BLE001 - the thread outlives every failure
                tell(self._options, self._note_failure(error, batch))
                if not self._pause(outage, error):
                    return False
            else:
                outage.over()
                self._note_success(sent, displaced)
        return True

    def _wait_seconds(self, outage: Outage) -> float:
        end = self._end
        seconds = self._delivery.attempt_seconds
        return min(seconds, outage.left, math.inf if end is None else end.left)

    def _next_part(self) -> Sequence[bytes]:
        with self._changed:
            return self._delivery.batch

    def _note_success(self, count: int, displaced: int) -> None:
        with self._changed:
            self._delivery.succeeded(count, displaced)
            self._changed.notify_all()

    def _note_failure(self, error: Exception, batch: Sequence[bytes]) -> Exception | None:
        with self._changed:
            told = self._delivery.failed(error, batch)
            self._changed.notify_all()
            return told

    def _pause(self, outage: Outage, error: Exception) -> bool:
        """Wait a moment before the next attempt; False if there is to be none."""
        if is_about_a_message(error):
            return True  # the next attempt is with another one
        seconds = outage.goes_on(error)
        with self._changed:
            if self._end is None:
                self._changed.wait_for(lambda: self._end is not None, seconds)
            if isinstance(error, ClientClosed) or not outage.left:
                # Both at once, for a thread that waits for room.
                self._end, self._ended = Deadline(0.0), True
                self._changed.notify_all()
            end = self._end
        if end is None:
            return True
        sleep(min(seconds, end.left, _LAST_PAUSE))
        return not end.passed


#: Senders with a thread.
_unfinished: WeakSet[Sender] = WeakSet()


def _finish() -> None:
    """Have what is left sent; where that fails say so in the log, and try no more."""
    deadline = Deadline(_EXIT_SECONDS)
    with own_work():
        for sender in list(_unfinished):
            try:
                sender.flush(deadline.left)
            except ZoldyQError as error:
                sender.stop(0.0)
                log.warning("at the end of the program: %s", error)


atexit.register(_finish)
