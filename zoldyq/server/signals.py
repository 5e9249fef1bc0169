"""What signals mean to a server: SIGTERM and SIGINT stop it, SIGHUP has it read its files again."""

from __future__ import annotations

import os
import signal
from queue import Empty, SimpleQueue
from types import FrameType

_RELOAD = getattr(signal, "SIGHUP", None)  # not on every platform


class Signals:
    """Takes the signals of the process from its creation on. Belongs to the main thread."""

    def __init__(self) -> None:
        # Handlers run on the main thread, between two steps of it, so these need no lock. An
        # Event would not do: its own lock may be held at that moment, by the same thread.
        self.stopping = False
        self._reload = False
        self._bell: SimpleQueue[None] = SimpleQueue()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        if _RELOAD is not None:
            signal.signal(_RELOAD, self._on_reload)

    def wait(self, seconds: float) -> None:
        """Sleep until a signal comes, or for so long."""
        try:
            self._bell.get(timeout=seconds)
        except Empty:
            return

    def take_reload(self) -> bool:
        """Tell whether SIGHUP has come since the last call."""
        asked, self._reload = self._reload, False
        return asked

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        """Begin an orderly stop; the second of these signals ends the process at once."""
        if self.stopping:
            os._exit(128 + number)
        self.stopping = True
        self._bell.put(None)

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload = True
        self._bell.put(None)
