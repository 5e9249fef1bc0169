"""Logging that never holds up who logs.

A pipe that no one reads fills up, and a write to it then blocks: in an event loop that would stop
the server, SIGTERM included. So records go into a bounded queue, and a thread of its own writes
them. What finds the queue full is dropped and counted; the count is written once there is room.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import queue
import sys
import threading

_FORMAT = "%(asctime)s %(levelname)s %(message)s"
#: Records that may wait to be written.
_WAITING_RECORDS = 1000


class BackgroundHandler(logging.handlers.QueueHandler):
    """Has a thread write records to a file descriptor."""

    def __init__(self, descriptor: int, capacity: int = _WAITING_RECORDS) -> None:
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(capacity)
        super().__init__(self._records)
        # The text alone is made where the record comes from; basicConfig would give a handler
        # without a formatter one that repeats the level.
        self.setFormatter(logging.Formatter("%(message)s"))
        self._descriptor = descriptor
        self._lines = logging.Formatter(_FORMAT)
        self._lock = threading.Lock()  # guards the next
        self._dropped = 0
        self._thread = threading.Thread(target=self._write_all, name="zoldyq-log", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """How many records were dropped and not reported yet."""
        with self._lock:
            return self._dropped

    def enqueue(self, record: logging.LogRecord) -> None:
        """Keep a record for the thread, or drop it."""
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self._count_dropped(1)

    def finish(self, timeout: float) -> None:
        """Write what is waiting, for up to ``timeout`` seconds, and end the thread.

        A thread whose write blocks is left alone; it ends with the process.
        """
        try:
            self._records.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _write_all(self) -> None:
        while (record := self._records.get()) is not None:
            self._write(self._lines.format(record))
            with self._lock:
                dropped, self._dropped = self._dropped, 0
            if dropped and not self._write(f"{dropped} log records were dropped: the log is slow"):
                self._count_dropped(dropped)

    def _write(self, line: str) -> bool:
        """Write a line past Python's own buffers, whose locks a blocked write would hold."""
        data = (line + "\n").encode(errors="backslashreplace")
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            self._count_dropped(1)
            return False
        return True

    def _count_dropped(self, count: int) -> None:
        with self._lock:
            self._dropped += count


def set_up_logging(level: str) -> BackgroundHandler | None:
    """Log to standard error from this level on: debug, info, warn or error.

    Return the handler, to be finished in the end; None where standard error is closed.
    """
    if sys.stderr is None:
        logging.basicConfig(handlers=[logging.NullHandler()])
        return None
    handler = BackgroundHandler(sys.stderr.fileno())
    logging.basicConfig(
        level={"warn": "WARNING"}.get(level, level.upper()), handlers=[handler], force=True
    )
    return handler
