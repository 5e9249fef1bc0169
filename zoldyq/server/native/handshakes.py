"""How many steps of handshakes an event loop takes in a turn.

A step needs up to a millisecond of the processor, with a large RSA key some more, where a request
needs twenty microseconds. Hundreds of greetings that come at once would keep the requests among
them waiting for as long as that takes together. So a turn of the loop has room for some steps
alone. The others stand in a line, without being watched, and go on in the turns that follow.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

#: How many steps are taken in one turn at the most.
STEPS_A_TURN = 8


class Resumable(Protocol):
    """Something that the loop calls again in the next turn."""

    def on_again(self) -> None:
        """Go on."""

    def close(self) -> None:
        """End; called after an unexpected error."""


class Loop(Protocol):
    """What is needed of the event loop. ``now`` is another value in each turn."""

    @property
    def now(self) -> float:
        """The time of this turn."""

    def again(self, resumable: Resumable) -> None:
        """Have ``resumable.on_again()`` called in the next turn."""


class Waiter(Protocol):
    """A handshake that may have to wait for its turn."""

    admitted: bool


class HandshakePace:
    """The handshakes of one event loop; belongs to its thread."""

    __slots__ = ("_line", "_loop", "_now", "_steps")

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._now = 0.0
        self._steps = 0  # in the turn of _now
        self._line: deque[tuple[Waiter, Resumable]] = deque()

    def admits(self) -> bool:
        """Tell whether one more step may be taken in this turn, and count it."""
        if self._loop.now != self._now:
            self._now = self._loop.now
            self._steps = 0
        if self._line or self._steps >= STEPS_A_TURN:
            return False
        self._steps += 1
        return True

    def line_up(self, waiter: Waiter, connection: Resumable) -> None:
        """Set ``waiter.admitted`` and resume the connection when its turn has come."""
        if not self._line:
            self._loop.again(self)
        self._line.append((waiter, connection))

    def on_again(self) -> None:
        """Admit the first ones of the line to the next turn."""
        for _ in range(min(STEPS_A_TURN, len(self._line))):
            waiter, connection = self._line.popleft()
            waiter.admitted = True
            self._loop.again(connection)
        if self._line:
            self._loop.again(self)

    def close(self) -> None:
        """Nothing is to be closed: every connection has its deadline."""
