"""How an engine behaves, and what it counts."""

from __future__ import annotations

import msgspec

from zoldyq.contract import defaults
from zoldyq.engine.servers import Patience


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the engine behaves. Times are seconds.

    ``lease`` is how long the places of a front end hold without a word from it; ``timeout`` how
    long Redis may take to answer; ``grace`` how long a request waits while Redis is away.
    """

    prefix: str = defaults.REDIS_PREFIX
    lease: float = defaults.REDIS_LEASE
    timeout: float = defaults.REDIS_TIMEOUT
    grace: float = defaults.REDIS_GRACE
    wait_replicas: int = defaults.REDIS_WAIT_REPLICAS
    wait_seconds: float = defaults.REDIS_WAIT_SECONDS
    max_queues: int = defaults.MAX_QUEUES
    auto_create: bool = True

    @property
    def patience(self) -> Patience:
        """How long servers and replicas are waited for."""
        return Patience(
            timeout=self.timeout,
            grace=self.grace,
            replicas=self.wait_replicas,
            replica_seconds=self.wait_seconds,
        )


class Counters(msgspec.Struct):
    """What the engine counts; changed by the loop's thread alone."""

    calls: int = 0
    operations: int = 0
    call_seconds: float = 0.0
    reconnects: int = 0
    rejoined: int = 0
    reaped: int = 0
    deleted: int = 0
    retries: dict[str, int] = {}
