"""Lanes with policies: each is a queue, how its messages are, and what happens to it.

Their parties are in tests/trust/policy_parties.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: Policies that a lane changes to, again and again.
CHANGES: tuple[Mapping[str, object], ...] = (
    {"capacity": 40, "overflow": "drop_oldest"},
    {"capacity": 500, "overflow": "reject"},
    {"ttl_seconds": 0.3},
    {"ttl_seconds": None},
    {"max_bytes": 6_000, "overflow": "drop_oldest"},
    {"max_bytes": 2_000, "overflow": "reject"},
    {"max_bytes": None, "capacity": 5},
    {"capacity": 200, "ttl_seconds": 5},
    {},
)


class Lane(NamedTuple):
    """A queue with its policy, and how its messages are.

    Producers send ``batch`` messages at once, wait up to ``wait`` seconds for room, and rest for
    ``rest`` seconds. Consumers rest for ``consumers_rest``. A batch has one of the lifetimes in
    ``own``, and payloads of ``size`` characters. ``fate`` is what happens to the queue.
    ``shows`` names the figures that must not be 0 in the end, if the run was long enough.
    """

    name: str
    policy: Mapping[str, object]
    fate: str = "none"
    own: tuple[float | None, ...] = (None,)
    batch: int = 10
    size: int = 0
    wait: float = 0
    rest: float = 0.05
    consumers_rest: float = 0.05
    shows: tuple[str, ...] = ()


LANES = (
    Lane(
        "lifetime",
        {"capacity": 200, "ttl_seconds": 0.4},
        own=(None, 0.05, 60),
        wait=5,
        consumers_rest=0.3,
        shows=("expired",),
    ),
    Lane(
        "own-lifetimes",
        {"capacity": 300},
        own=(0.02, 0.2, 0.5, 1),
        consumers_rest=0.1,
        shows=("expired",),
    ),
    Lane(
        "oldest",
        {"capacity": 30, "overflow": "drop_oldest"},
        consumers_rest=0.15,
        shows=("overflow_dropped",),
    ),
    Lane(
        "oldest-mortal",
        {"capacity": 60, "overflow": "drop_oldest", "ttl_seconds": 0.3},
        own=(None, 0.1),
        consumers_rest=0.4,
        shows=("overflow_dropped", "expired"),
    ),
    Lane(
        "bytes",
        {"max_bytes": 20_000, "ttl_seconds": 3},
        own=(None, 0.2),
        size=700,
        wait=5,
        consumers_rest=0.3,
        shows=("expired",),
    ),
    Lane(
        "bytes-oldest",
        {"max_bytes": 20_000, "overflow": "drop_oldest", "ttl_seconds": 0.5},
        size=700,
        consumers_rest=0.4,
        shows=("overflow_dropped",),
    ),
    Lane(
        "purged",
        {"capacity": 500, "ttl_seconds": 0.5},
        fate="purge",
        wait=1,
        consumers_rest=0.3,
        shows=("purged",),
    ),
    Lane(
        "changed",
        {},
        fate="change",
        own=(None, 0.2, 2),
        wait=2,
        consumers_rest=0.3,
        shows=("expired", "overflow_dropped"),
    ),
    Lane("deleted.often", {"capacity": 100}, fate="delete", wait=2),
    Lane("idle.tide", {"idle_seconds": 1}, fate="idle"),
    Lane(
        "left",
        {"capacity": 100, "overflow": "drop_oldest", "ttl_seconds": 0.5},
        fate="left",
        consumers_rest=0.4,
    ),
    Lane(
        "killed",
        {"capacity": 500, "ttl_seconds": 1},
        fate="killed",
        own=(None, 0.3),
        wait=1,
        consumers_rest=0.5,
    ),
)
