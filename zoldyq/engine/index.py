"""The index of names: which queues there are.

It is kept beside the queues because no script may touch two slots of a Cluster. A queue's own hash
is the truth; an audit mends what differs.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from zoldyq.contract.errors import ZoldyQError
from zoldyq.engine import scripts
from zoldyq.engine.keys import index_key
from zoldyq.engine.link import Word
from zoldyq.queue.room import too_many_queues


class Asker(Protocol):
    """What the index needs of its engine."""

    def ask(
        self,
        name: str,
        script: scripts.Script,
        arguments: Sequence[str | bytes | int],
        on_reply: Callable[[Any], None],
    ) -> None:
        """Run one of a queue's other scripts."""

    def ask_key(
        self,
        key: str,
        words: Sequence[Word],
        on_reply: Callable[[Any], None],
        script: scripts.Script | None = None,
    ) -> None:
        """Send a command about a key that belongs to no queue."""

    def refusal(self, error: Exception) -> ZoldyQError:
        """Return what a client is told of an error that repeating cannot cure."""


class NameIndex:
    """The names of at most ``max_queues`` queues under a prefix."""

    def __init__(self, engine: Asker, prefix: str, max_queues: int) -> None:
        self._engine = engine
        self._key = index_key(prefix)
        self._most = max_queues
        self._missing: set[str] = set()  # names whose queue was not there at the last audit

    def names(self, on_reply: Callable[[Any], None]) -> None:
        """Ask for all names."""
        self._ask(["HKEYS", self._key], on_reply)

    def reserve(self, name: str, on_done: Callable[[str | ZoldyQError], None]) -> None:
        """Put a name in; tell the generation that its queue is to have."""

        def reserved(reply: Any) -> None:
            if isinstance(reply, Exception):
                on_done(self._engine.refusal(reply))
            else:
                on_done(generation if reply else too_many_queues(self._most))

        generation = secrets.token_hex(8)
        self._run(scripts.RESERVE, [name, generation, self._most], reserved)

    def remove(self, name: str, generation: bytes | str) -> None:
        """Take a name out, unless it belongs to a successor by now."""
        self._run(scripts.FORGET, [name, generation], _ignore)

    def audit(self, used: Mapping[str, bytes]) -> None:
        """Compare the index with the queues; a name without one goes at the second look.

        ``used`` are queues that are known to exist, with their generations.
        """
        self._ask(["HGETALL", self._key], partial(self._compare, used))

    def _compare(self, used: Mapping[str, bytes], reply: Any) -> None:
        if isinstance(reply, Exception):
            return
        listed = _pairs(reply)
        for name, generation in used.items():
            if name not in listed:
                self._ask(["HSETNX", self._key, name, generation], _ignore)
        for name, generation in listed.items():
            check = partial(self._check, name, generation)
            self._engine.ask(name, scripts.STATS, [0], check)

    def _check(self, name: str, generation: bytes, reply: Any) -> None:
        if isinstance(reply, Exception):
            return
        if reply:
            self._missing.discard(name)
            if reply[0][0] != generation:  # two front ends created it at the same time
                self._ask(["HSET", self._key, name, reply[0][0]], _ignore)
        elif name in self._missing:
            self._missing.discard(name)
            self.remove(name, generation)
        else:
            self._missing.add(name)

    def _run(
        self, script: scripts.Script, arguments: Sequence[Word], on_reply: Callable[[Any], None]
    ) -> None:
        self._ask(["EVALSHA", script.digest, 1, self._key, *arguments], on_reply, script)

    def _ask(
        self,
        words: Sequence[Word],
        on_reply: Callable[[Any], None],
        script: scripts.Script | None = None,
    ) -> None:
        self._engine.ask_key(self._key, words, on_reply, script)


def _pairs(reply: Any) -> Mapping[str, bytes]:
    """Read a hash, which RESP3 sends as a map."""
    if isinstance(reply, dict):
        return {bytes(name).decode(): bytes(value) for name, value in reply.items()}
    return {bytes(reply[at]).decode(): bytes(reply[at + 1]) for at in range(0, len(reply), 2)}


def _ignore(_reply: Any) -> None:
    """Pass over a reply that the next audit would make good."""
