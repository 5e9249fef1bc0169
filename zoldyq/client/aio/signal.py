"""Waiting until something holds that another task brings about."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from zoldyq.client.deadline import Deadline


class Signal:
    """Wakes all tasks that wait, so that each looks again whether what it waits for holds.

    Nothing is handed over, so a task that is cancelled takes nothing with it.
    """

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Something has changed."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def wait_for(self, holds: Callable[[], object], seconds: float = math.inf) -> bool:
        """Return True once it holds, False if it does not within so many seconds."""
        deadline = Deadline(seconds)
        while not holds():
            if deadline.passed:
                return False
            await self.wait(deadline.left)
        return True

    async def wait(self, seconds: float) -> None:
        """Return after the next change, or after so many seconds."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait((future,), timeout=None if seconds == math.inf else seconds)
        finally:
            self._waiting.remove(future)
