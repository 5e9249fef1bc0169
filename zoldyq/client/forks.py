"""What a child process keeps of its parent's connections after a fork: nothing.

A child that used a connection of its parent would read the parent's replies and take the parent's
messages. So in the child, before any other code runs, each inherited socket is closed (the child's
descriptor alone: nothing is sent and nothing is shut down, so the parent does not notice), and
each object that has state of the old process starts anew.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakSet

_T = TypeVar("_T")

# Guards the sets below, and is held across a fork, so that the child finds them whole. A signal
# handler may fork while its thread holds it, hence an RLock.
_lock = threading.RLock()
_sockets: WeakSet[socket.socket] = WeakSet()
_renewals: WeakKeyDictionary[Any, Callable[[Any], object]] = WeakKeyDictionary()


def close_in_children(sock: socket.socket) -> None:
    """Have the descriptor of a socket closed in every child process."""
    with _lock:
        _sockets.add(sock)


def renew_in_children(owner: _T, renew: Callable[[_T], object]) -> None:
    """Have ``renew(owner)`` called in every child process, for state that belongs to one process.

    The child has a single thread at that moment. ``renew`` must not refer to the owner, which may
    be collected.
    """
    with _lock:
        _renewals[owner] = renew


def _before() -> None:
    _lock.acquire()


def _in_parent() -> None:
    _lock.release()


def _in_child() -> None:
    global _lock  # noqa: PLW0603 - the inherited one is held
    _lock = threading.RLock()
    for sock in list(_sockets):
        # detach and close, because close() alone waits for the files that were made of a socket.
        with suppress(OSError):
            os.close(sock.detach())
    _sockets.clear()
    for owner, renew in list(_renewals.items()):
        renew(owner)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
