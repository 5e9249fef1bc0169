"""Readiness of sockets: epoll where there is one, the selectors module elsewhere.

Both are level-triggered and speak in epoll's own flags, so that the common case translates
nothing. A hang-up is a peer that will send nothing more; epoll tells it apart from data without
reading, elsewhere it shows as readable to those who watch for that.
"""

from __future__ import annotations

import select
import selectors
from typing import Protocol

# The values of EPOLLIN, EPOLLOUT, EPOLLERR | EPOLLHUP and EPOLLRDHUP.
READ = 0x001
WRITE = 0x004
BROKEN = 0x018  # reported whether asked for or not
HANGUP = 0x2000

_MAX_EVENTS = 256


class Poller(Protocol):
    """Watches file descriptors."""

    def register(self, fd: int, interest: int) -> None:
        """Begin to watch for the flags in ``interest``."""

    def modify(self, fd: int, interest: int) -> None:
        """Watch for other flags from now on."""

    def unregister(self, fd: int) -> None:
        """Cease to watch. Comes before the descriptor is closed."""

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        """Wait up to ``timeout`` seconds and return descriptors with the flags that are true."""

    def close(self) -> None:
        """Give the poller's own descriptor back."""


class EpollPoller:
    """epoll(7)."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self.close = self._epoll.close

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        return self._epoll.poll(timeout, _MAX_EVENTS)


class SelectorPoller:
    """The best selector of the platform."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        # The selectors module watches for something or not at all; these are watched for nothing.
        self._silent: set[int] = set()

    def register(self, fd: int, interest: int) -> None:
        events = self._events(interest)
        if events:
            self._selector.register(fd, events)
        else:
            self._silent.add(fd)

    def modify(self, fd: int, interest: int) -> None:
        self.unregister(fd)
        self.register(fd, interest)

    def unregister(self, fd: int) -> None:
        if fd in self._silent:
            self._silent.remove(fd)
        else:
            self._selector.unregister(fd)

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        return [
            (
                key.fd,
                (READ if events & selectors.EVENT_READ else 0)
                | (WRITE if events & selectors.EVENT_WRITE else 0),
            )
            for key, events in self._selector.select(timeout)
        ]

    def close(self) -> None:
        self._selector.close()

    @staticmethod
    def _events(interest: int) -> int:
        # A hang-up cannot be watched for without data here, and data that nobody reads would be
        # reported again and again.
        events = selectors.EVENT_WRITE if interest & WRITE else 0
        return events | (selectors.EVENT_READ if interest & READ else 0)


def make_poller() -> Poller:
    """Return the best poller of this platform."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller()
