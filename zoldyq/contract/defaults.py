"""The default of each limit, told once: the settings, and what is built without them, agree.

Sizes are bytes, and names that end in ``_SECONDS`` or ``_TIMEOUT`` are seconds.
"""

from __future__ import annotations

from typing import Final

# What the queues hold together; what one queue holds stands in zoldyq.contract.policy.
QUEUE_CAPACITY: Final = 100_000
MAX_QUEUES: Final = 100
MAX_BYTES: Final = 1 << 30

# What is kept of the last hour, for people.
HISTORY_QUEUES: Final = 200

# What one request may ask for.
MAX_TIMEOUT: Final = 3600.0
MAX_COUNT: Final = 10_000
MAX_BATCH: Final = 10_000
MAX_BODY_BYTES: Final = 8 << 20
MAX_HEADER_BYTES: Final = 16 << 10

# What all clients together may take.
MAX_CONNECTIONS: Final = 16_384
MAX_WEBSOCKETS: Final = 1_000
THREADS: Final = 16
BACKLOG: Final = 1_024

# How long a client may take.
HEAD_SECONDS: Final = 10.0
BODY_SECONDS: Final = 60.0
IDLE_SECONDS: Final = 75.0
SEND_SECONDS: Final = 30.0

# How the engine over Redis behaves.
REDIS_PREFIX: Final = "zoldyq"
REDIS_LEASE: Final = 3.0
REDIS_TIMEOUT: Final = 2.0
REDIS_GRACE: Final = 4.0  # below what clients wait for a reply, so that they learn why
REDIS_WAIT_REPLICAS: Final = 0
REDIS_WAIT_SECONDS: Final = 0.1
