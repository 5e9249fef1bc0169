"""The queues in this process hold what every engine promises."""

from __future__ import annotations

import pytest

from tests.queue.suite import Make, QueuesTests
from zoldyq.queue import QueueManager


class TestQueuesInMemory(QueuesTests):
    @pytest.fixture
    def make(self) -> Make:
        return QueueManager
