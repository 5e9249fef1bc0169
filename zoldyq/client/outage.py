"""A time in which a producer can send nothing."""

from __future__ import annotations

from zoldyq.client.deadline import Deadline
from zoldyq.client.own_work import log

#: Pauses between attempts, in seconds: the first, doubled up to the longest.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


class Outage:
    """Pauses that grow, and a line of the log at the beginning and at the end.

    ``patience`` is how many seconds may pass without a success.
    """

    def __init__(self, name: str, patience: float) -> None:
        self._name = name
        self._patience = patience
        self._deadline = Deadline(patience)
        self._attempts = 0

    @property
    def left(self) -> float:
        """Seconds until it has lasted too long."""
        return self._deadline.left

    def goes_on(self, error: Exception) -> float:
        """Return the seconds to pause after one more failure."""
        self._attempts += 1
        if self._attempts == 1:
            log.warning("%s: cannot send now, and goes on trying: %s", self._name, error)
        return min(_FIRST_PAUSE * 2.0 ** min(self._attempts - 1, 10), _LONGEST_PAUSE, self.left)

    def over(self) -> None:
        """Note a success."""
        if self._attempts:
            log.info("%s: sends again, after %d attempts", self._name, self._attempts)
        self._attempts = 0
        self._deadline = Deadline(self._patience)
