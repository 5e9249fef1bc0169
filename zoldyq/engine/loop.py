"""What the engine needs of an event loop; the native server's reactor is one, and Loop another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

#: What a socket is watched for, in epoll's flags.
READ = 0x001
WRITE = 0x004


class SocketHandler(Protocol):
    """Serves one socket on the loop's thread."""

    @property
    def busy(self) -> bool:
        """Whether it has something to send before the loop ends."""

    def on_event(self, flags: int) -> None:
        """React to what the poller saw."""

    def close(self) -> None:
        """Let go of the socket."""


class Timed(Protocol):
    """Has a deadline in seconds of the monotonic clock; ``scheduled`` belongs to the loop."""

    deadline: float
    scheduled: float

    def on_deadline(self) -> None:
        """React to a deadline that has passed."""

    def close(self) -> None:
        """Let go of everything; called after an unexpected error."""


class EventLoop(Protocol):
    """One thread, its sockets and its deadlines. All but ``post`` is for its own thread."""

    now: float

    def add_last(self, fd: int, handler: SocketHandler, interest: int) -> None:
        """Begin to serve a descriptor, which is closed behind all others when the loop ends."""

    def watch(self, fd: int, interest: int) -> None:
        """Change what a descriptor is watched for."""

    def remove(self, fd: int) -> None:
        """Serve a descriptor no more; its owner closes it."""

    def schedule(self, timed: Timed) -> None:
        """Look at ``timed.deadline`` when it has come."""

    def forget(self, timed: Timed) -> None:
        """Never look at this deadline again."""

    def post(self, call: Callable[[], None]) -> None:
        """Have ``call()`` made by the loop's thread; from any thread."""

    def before_sleep(self, call: Callable[[], None], unfinished: Callable[[], bool]) -> None:
        """Have ``call()`` made at the end of each turn, before the loop sleeps.

        When the loop is to end it goes on for a while as long as ``unfinished()``.
        """
