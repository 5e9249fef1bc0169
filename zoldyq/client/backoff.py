"""Pauses between attempts to connect."""

from __future__ import annotations

import random

#: The first pause, doubled up to the longest, in seconds.
_FIRST = 0.1
_LONGEST = 5.0

#: A connection that lasted for so many seconds was a good one, although no message came.
_GOOD_SECONDS = 5.0


class Backoff:
    """Pauses that grow, so that a server which cannot serve is not hammered.

    A handshake that succeeds is no sign of health: a server may end each session at once. So pauses
    begin anew only after a message, or after a connection that has lasted.
    """

    def __init__(self) -> None:
        self._pause = _FIRST

    def next(self) -> float:
        """Return the seconds to pause now. They vary, so that clients do not come all at once."""
        pause = self._pause * random.uniform(0.5, 1.0)
        self._pause = min(2 * self._pause, _LONGEST)
        return pause

    def good(self, seconds: float | None = None) -> None:
        """Begin anew after a message, or after a connection of so many seconds if that is long."""
        if seconds is None or seconds >= _GOOD_SECONDS:
            self._pause = _FIRST
