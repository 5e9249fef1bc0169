"""A handler for the standard library's log that sends records to a queue.

::

    handler = QueueHandler(Client("http://localhost:9000").queue("logs"))
    logging.getLogger().addHandler(handler)
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import msgspec

from zoldyq.client.client import Client
from zoldyq.client.errors import BufferFull, ClientClosed
from zoldyq.client.own_work import is_own_work, own_work
from zoldyq.client.producer import Producer
from zoldyq.client.queue import RemoteQueue
from zoldyq.contract.errors import ZoldyQError

#: What every record has; anything else came in by ``extra``.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_encode = msgspec.json.Encoder(enc_hook=str).encode


class QueueHandler(logging.Handler):
    """Sends each record as a message, from a thread of its own.

    ``queue`` is a queue, a producer, or the name of a queue on the server that the environment
    names (:meth:`Client.from_env`), as a configuration file wants it. Of a queue it makes a
    producer with the further ``options``: while the server is away the records wait in its buffer
    of 100,000, and the oldest go when that is full, so logging never holds up the program. The
    handler is closed by ``logging.shutdown()``, which runs at the end of the program; the rest of
    the records have ``close_timeout`` seconds then.

    What the handler's own sending logs is not sent, whatever the level. A handler may be made
    before a fork.
    """

    def __init__(
        self,
        queue: RemoteQueue | Producer | str,
        level: int | str = logging.NOTSET,
        *,
        close_timeout: float = 5.0,
        **options: Any,
    ) -> None:
        super().__init__(level)
        self._close_timeout = close_timeout
        self._owns_producer = not isinstance(queue, Producer)
        if isinstance(queue, str):
            queue = Client.from_env().queue(queue)
        if isinstance(queue, RemoteQueue):
            defaults = {
                "when_full": "drop_oldest",
                "buffer_messages": 100_000,
                "max_delay": 0.2,
                "timeout": close_timeout,
            }
            queue = queue.producer(**{**defaults, **options})
        self.producer: Producer = queue

    def handle(self, record: logging.LogRecord) -> Any:
        """Send a record unless it is filtered out, or caused by this handler's own work.

        Without the handler's lock: a producer has its own, and a thread that waits for this one
        must not wait for another.
        """
        if is_own_work():
            return False
        found = self.filter(record)
        if isinstance(found, logging.LogRecord):
            record = found
        if found:
            self.emit(record)
        return found

    def emit(self, record: logging.LogRecord) -> None:
        """Put a record into the producer's buffer."""
        try:
            with own_work():
                self.producer.send_raw(_encode(self.payload(record)))
        except (BufferFull, ClientClosed):
            pass  # the producer counts the former; after the end nothing can be done
        except Exception:  # noqa: BLE001 - as every handler does
            self.handleError(record)

    def payload(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what is sent for a record; a subclass may send something else.

        ``message`` is the text with its arguments; no formatter is used. ``time`` is in seconds
        since the epoch; what came in by ``extra`` keeps its names.
        """
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        sent = {
            **extra,
            "time": record.created,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            "thread": record.threadName,
        }
        if record.exc_info:
            sent["exception"] = logging.Formatter().formatException(record.exc_info)
        return sent

    def flush(self) -> None:
        """Wait until the records so far are in the queue, for ``close_timeout`` seconds at most."""
        self._tell_failure(lambda: self.producer.flush(self._close_timeout))

    def close(self) -> None:
        """Send the rest within ``close_timeout`` seconds, and end."""
        if self._owns_producer:
            self._tell_failure(lambda: self.producer.close(self._close_timeout))
        super().close()

    def _tell_failure(self, act: Any) -> None:
        """Do something; where it fails, say so on stderr, for this is the log itself."""
        try:
            with own_work():
                act()
        except ZoldyQError as error:
            if logging.raiseExceptions and sys.stderr is not None:
                sys.stderr.write(f"log records were not sent: {error}\n")
