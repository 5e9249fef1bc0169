"""Messages from a queue to standard output, so that none is taken that cannot be written.

A message counts as written when the system has all of it, and through a pipe when its reader has
read it. What is not written when a command ends goes back to the head of the queue, in order.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic, sleep
from typing import TYPE_CHECKING

from zoldyq.cli import stdout
from zoldyq.cli.output import message_line, messages, notice

if TYPE_CHECKING:
    from zoldyq.client import Consumer, Message

# How often to look whether the reader is there and whether a signal has come, in seconds.
_LOOK_SECONDS = 0.2
# How often to look whether the reader has read: the first pause, doubled up to the longest.
_FIRST_PAUSE = 0.0002
_LONGEST_PAUSE = 0.02
#: At its end a command leaves to the pipe what is not read within this many seconds: a program may
#: read its output later.
LAST_LOOK_SECONDS = 0.5


class Tap:
    """Writes the messages of a consumer as lines. Use it as a context manager.

    ``to_line`` returns the line of a message, without a line break.
    """

    def __init__(
        self, consumer: Consumer, queue_name: str, to_line: Callable[[Message], bytes]
    ) -> None:
        self.written = 0  # messages
        self._stopped = threading.Event()
        self._consumer = consumer
        self._queue_name = queue_name
        self._to_line = to_line
        self._bytes = 0  # written so far
        # Messages that the reader of a pipe may not have read, each with the bytes up to its end.
        self._unread: deque[tuple[Message, int]] = deque()

    def next(self, timeout: float | None) -> bool:
        """Write the next message; False if none came in time, at the end and after a signal.

        Raises:
            OutputFailed: standard output takes no more.
            ZoldyQError: as :meth:`Consumer.poll`.
        """
        while not self._stopped.is_set() and not self._consumer.over:
            stdout.check()
            wait = _LOOK_SECONDS if timeout is None else min(timeout, _LOOK_SECONDS)
            message = self._consumer.poll(wait, keep=len(self._unread))
            if message is not None:
                self._write(message)
                return True
            if timeout is not None:
                timeout -= wait
                if timeout <= 0:
                    return False
        return False

    def stop(self) -> None:
        """End all waiting. From a signal handler as well: the stream itself ends at the exit."""
        self._stopped.set()
        self._consumer.stop()

    def write_fetched(self) -> None:
        """Write what is here already, without waiting for more."""
        while self._consumer.fetched and self.next(0.0):
            pass

    def wait_for_reader(self, unread: int = 0, limit: float = math.inf) -> None:
        """Wait up to ``limit`` seconds until a pipe's reader has read all messages but ``unread``.

        Raises:
            OutputFailed: it goes away.
        """
        pause, end = _FIRST_PAUSE, monotonic() + limit
        self._forget_read()
        while len(self._unread) > unread and not self._stopped.is_set() and monotonic() < end:
            stdout.check()
            sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            self._forget_read()

    def __enter__(self) -> Tap:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> None:
        """End the stream; put back what could not be written.

        That is said, unless the reader has seen enough: then nothing went wrong.
        """
        unused: list[Message] = []
        if isinstance(error, stdout.OutputFailed):
            self._forget_read()
            unused = [message for message, _ in self._unread]
        held = len(unused) + self._consumer.fetched
        self._consumer.close_and_put_back(unused)
        quiet = isinstance(error, stdout.OutputFailed) and error.reader_gone
        self._tell(held if unused and not quiet else 0)

    def _write(self, message: Message) -> None:
        line = self._to_line(message)
        self._bytes += len(line) + 1
        self._unread.append((message, self._bytes))
        stdout.write(line)
        self.written += 1
        self._forget_read()

    def _forget_read(self) -> None:
        """Forget messages that the reader has read. Where there is no pipe, the system has."""
        read = stdout.written_bytes() - stdout.unread_bytes()
        while self._unread and self._unread[0][1] <= read:
            self._unread.popleft()

    def _tell(self, unused: int) -> None:
        left = self._consumer.leftover
        back = unused - len(left)
        if back > 0:
            notice(f"{messages(back)} could not be written, and went back to {self._queue_name}")
        for message in left:
            # The last resort: nothing else has them any more.
            notice(f"not put back: {message_line(self._queue_name, message, True).decode()}")
