"""Which queues were not used for so long that they may go."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from zoldyq.queue.message_queue import MessageQueue

#: What changes with every use of a queue: :meth:`MessageQueue.activity`.
Activity = tuple[int, ...]


class IdleWatch:
    """Remembers since when queues were not used. It belongs to the thread that keeps house.

    A use is noticed at the next look, so a queue goes a little later than it is due, and never
    sooner; in return, uses cost nothing.
    """

    def __init__(self) -> None:
        # What each queue had done, and since when, in seconds of the monotonic clock.
        self._since: dict[MessageQueue, tuple[Activity, float]] = {}

    def due(self, queues: Iterable[MessageQueue]) -> Iterator[tuple[MessageQueue, Activity]]:
        """Yield the queues that may go, and what they had done by the time they were last used."""
        now = time.monotonic()
        before, self._since = self._since, {}
        for queue in queues:
            seconds = queue.policy.idle_seconds
            activity = None if seconds is None else queue.activity()
            if seconds is None or activity is None:
                continue
            known = before.get(queue)
            since = now if known is None or known[0] != activity else known[1]
            self._since[queue] = activity, since
            if now - since >= seconds:
                yield queue, activity
