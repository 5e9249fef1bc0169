"""Whether the servers that keep the queues answer, and what is said of it in the log."""

from __future__ import annotations

import logging
import time

_log = logging.getLogger("zoldyq.engine")

#: How often a server that is away is spoken of in the log, in seconds.
_SAY_SECONDS = 5.0
#: How long no server answers before new requests are not welcome, in seconds.
_AWAY_SECONDS = 1.0
#: How long a server that had no memory left counts as full, in seconds.
_FULL_SECONDS = 1.0


class Health:
    """Written by the loop's thread, read by any. Times are seconds of the monotonic clock.

    ``down_since`` is when something ceased to answer, None while all servers do; ``well_since``
    since when all do. ``names`` are the servers as the settings name them.
    """

    def __init__(self, names: list[str]) -> None:
        self.down_since: float | None = None
        self.well_since = 0.0
        self._names = ", ".join(names)
        self._nothing_answers = False
        self._full_at = float("-inf")
        self._said_at = float("-inf")
        self._said = False  # whether the log knows of this outage

    @property
    def away(self) -> bool:
        """Whether no server has answered for a second."""
        since = self.down_since
        return (
            since is not None and self._nothing_answers and time.monotonic() - since > _AWAY_SECONDS
        )

    @property
    def memory_full(self) -> bool:
        """Whether a server said within the last second that it has no memory left."""
        return time.monotonic() - self._full_at < _FULL_SECONDS

    def out_of_memory(self) -> None:
        """Take note that a server has no memory left."""
        self._full_at = time.monotonic()

    def note_down(self, now: float, *, nothing_answers: bool) -> None:
        """Take note that a server does not answer; and perhaps no other does."""
        if self.down_since is None:
            self.down_since = now
        self._nothing_answers = nothing_answers

    def note_up(self, now: float) -> None:
        """Take note that every server answers."""
        if self.down_since is None:
            return
        self.down_since = None
        self.well_since = now
        if self._said:
            self._said = False
            self._said_at = float("-inf")
            _log.info("%s answers again", self._names)

    def say(self, now: float, reason: str) -> None:
        """Tell the log what is wrong, unless that was done a moment ago."""
        if reason and now >= self._said_at + _SAY_SECONDS:
            self._said_at = now
            self._said = True
            _log.warning("%s; trying again", reason)
