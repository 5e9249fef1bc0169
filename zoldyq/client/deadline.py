"""Times: how long a call may wait, and the point in time at which that is over."""

from __future__ import annotations

import math
import threading
from time import monotonic

from zoldyq.contract.errors import InvalidTimeout


def seconds(value: object, name: str = "timeout") -> float:
    """Return a time that a caller gave; None, which is no limit, as infinity.

    Raises:
        InvalidTimeout: it is not a finite number from 0.
    """
    if value is None:
        return math.inf
    if not isinstance(value, (int, float)) or value is True or not 0 <= value < math.inf:
        raise InvalidTimeout(
            f"{name} must be a number of seconds from 0, or None to wait without an end, "
            f"not {value!r}",
            minimum=0,
        )
    return float(value)


class Deadline:
    """A number of seconds from now on; infinity for no limit."""

    def __init__(self, seconds: float) -> None:
        self._at = monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left; 0 once it has passed."""
        return max(self._at - monotonic(), 0.0)

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return not self.left


def bounded(timeout: float) -> float | None:
    """Return a time-out as the standard library wants it, where None is no limit."""
    return min(timeout, threading.TIMEOUT_MAX) if timeout < math.inf else None
