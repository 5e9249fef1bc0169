"""What time alone does to queues that nobody uses.

Messages expire, idle queues go, and what a front end was given before it died goes back. One front
end does this for all, whichever is first.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from zoldyq.engine import scripts
from zoldyq.engine.index import Asker, NameIndex
from zoldyq.engine.keys import Keys

#: How long one front end sweeps the queues of all, in milliseconds, and how many at a time.
_SWEEP_MS = 400
_SWEEP_QUEUES = 1_000
#: After so many leases without a call, what a front end has not confirmed is taken back. call.lua
#: has the same number.
_OVERDUE_LEASES = 3


class Sweeping(Asker, Protocol):
    """What the sweeper needs of its engine, beside questions."""

    @property
    def front_end(self) -> str:
        """The id of this front end."""

    @property
    def well_for(self) -> float:
        """For how many seconds every answer has come in time."""

    def count_reaped(self, count: int) -> None:
        """Count messages that were taken back from the dead."""


class Sweeper:
    """Sweeps the queues under a prefix; ``lease`` is in seconds."""

    def __init__(self, engine: Sweeping, index: NameIndex, prefix: str, lease: float) -> None:
        self._engine = engine
        self._index = index
        self._prefix = prefix
        self._overdue_seconds = _OVERDUE_LEASES * lease
        self._from = ""  # where the next round begins

    def sweep(self) -> None:
        """Look after all queues, unless another front end is about to."""
        # One that may not call others dead yet must not keep the others from doing so.
        lock = f"{self._prefix}:{'sweeper' if self._may_judge else 'sweeper:new'}"
        words: list[str | int] = ["SET", lock, self._engine.front_end, "NX", "PX", _SWEEP_MS]
        self._engine.ask_key(lock, words, self._may_sweep)

    def reap(self, name: str, front_ends: Sequence[str]) -> None:
        """Take back what front ends that seem to be dead were given.

        Being wrong costs order and work, for a front end that lives learns that its messages were
        taken back and asks again.
        """
        if not self._may_judge:
            return
        ours = Keys(self._prefix, name, self._engine.front_end)
        for front_end in front_ends:
            keys = ours.of_reply(front_end)
            words: list[str | bytes | int] = ["EVALSHA", scripts.REAP.digest, len(keys), *keys]
            words += [front_end, self._overdue_ms, ours.bell]
            self._engine.ask_key(keys[0], words, self._reaped, scripts.REAP)

    @property
    def _may_judge(self) -> bool:
        """Whether this front end has itself had prompt answers for so long."""
        return self._engine.well_for >= self._overdue_seconds

    @property
    def _overdue_ms(self) -> int:
        return int(self._overdue_seconds * 1000)

    def _may_sweep(self, reply: Any) -> None:
        if reply is not None and not isinstance(reply, Exception):
            self._index.names(self._sweep_all)

    def _sweep_all(self, reply: Any) -> None:
        if isinstance(reply, Exception):
            return
        names = sorted(bytes(name).decode() for name in reply)
        begin = bisect.bisect(names, self._from) if len(names) > _SWEEP_QUEUES else 0
        chosen = names[begin : begin + _SWEEP_QUEUES]
        self._from = chosen[-1] if len(chosen) == _SWEEP_QUEUES else ""
        for name in chosen:
            self._sweep_one(name)

    def _sweep_one(self, name: str) -> None:
        bell = Keys(self._prefix, name, self._engine.front_end).bell
        words: list[str | bytes | int] = [bell, self._engine.front_end, self._overdue_ms]
        self._engine.ask(name, scripts.SWEEP, words, partial(self._swept, name))

    def _swept(self, name: str, reply: Any) -> None:
        if isinstance(reply, Exception):
            return
        if reply[0] == 1:
            self._index.remove(name, reply[1])
        elif reply[0] == 0:
            if reply[1]:
                self.reap(name, [each.decode() for each in reply[1]])
            if reply[2]:
                self._sweep_one(name)  # in portions, so that others are served in between

    def _reaped(self, reply: Any) -> None:
        if isinstance(reply, int) and reply > 0:
            self._engine.count_reaped(reply)
