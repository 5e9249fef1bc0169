"""A point in time until which something may take."""

from __future__ import annotations

from time import monotonic


class Deadline:
    """So many seconds from now on."""

    def __init__(self, seconds: float) -> None:
        self._at = monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left; 0 once it has passed."""
        return max(self._at - monotonic(), 0.0)
