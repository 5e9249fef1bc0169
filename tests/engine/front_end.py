"""A front end as Redis sees it: it makes the calls of one queue, by hand and one at a time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec

from tests.engine.servers import RedisConnection
from zoldyq.engine import scripts

OVERHEAD = 96

# The fields of stats.lua, in its order.
_STATS = """\
gen capacity max_bytes ttl overflow idle bytes enqueued put_back purged expired overflow_dropped
full timeouts created used"""


class Reply(msgspec.Struct):
    """What a call brought; the names of :mod:`zoldyq.engine`'s call.lua."""

    state: bytes
    generation: bytes = b""
    size: int = 0
    now_us: bytes = b""
    offered: list[Any] = []
    left: list[int] = []
    served: list[Any] = []
    taken: list[int] = []
    messages: list[bytes] = []
    places_void: int = 0
    kept: int = 0
    my_turn: bytes = b""
    more: int = 0
    overdue: list[bytes] = []
    bounds: list[int] = []
    taken_back: bytes = b""

    @property
    def payloads(self) -> list[bytes]:
        return [message[16 if message[0] & 128 else 8 :] for message in self.messages]


class FrontEnd:
    """Calls the script for queue ``name`` under the identity ``e``."""

    def __init__(
        self,
        redis: RedisConnection,
        e: str,
        name: str = "q",
        *,
        lease_ms: int = 3000,
        policy: Sequence[object] = (1000, False, False, "reject", False),
    ) -> None:
        self.e = e
        self.epoch = 1
        self.number = 0
        self._redis = redis
        self._name = name
        self._lease_ms = lease_ms
        self._policy = policy
        self._tokens = itertools.count(1)
        self.has_places = False

    @property
    def keys(self) -> list[str]:
        base = f"zoldyq:{{{self._name}}}:"
        return [base + key for key in ("h", "m", "w", "r", "l")] + [f"{base}f:{self.e}"]

    @property
    def bell(self) -> str:
        return f"zoldyq:{{{self._name}}}:c:"

    def token(self, *numbers: int) -> str:
        """Return a new name for a place in line."""
        return "|".join([f"{self.e}.{self.epoch}", str(next(self._tokens)), *map(str, numbers)])

    def call(self, *, number: int | None = None, **wishes: Any) -> Reply:
        """Make the next call, or one with this number once more."""
        if number is None:
            self.number += 1
            number = self.number
        returned: list[bytes] = wishes.get("returned", [])
        offers: list[tuple[list[bytes], str, str]] = wishes.get("offers", [])
        payloads = [message for messages, _, _ in offers for message in messages]
        request = [
            f"{self.e}.{self.epoch}",
            self.e,
            number,
            self._lease_ms,
            wishes.get("beat", False),
            self.has_places,
            [f"gen-{self.e}", *self._policy] if wishes.get("create", True) else False,
            len(returned),
            wishes.get("leaving", []),
            [[len(m), sum(map(_cost, m)), wait, waited] for m, wait, waited in offers],
            wishes.get("takes", []),
            self.bell,
        ]
        script = scripts.CALL if offers else scripts.CALL_WITHOUT_MEMORY
        head = msgspec.msgpack.encode(request)
        return Reply(*self.run(script, head, *returned, *payloads))

    def run(self, script: scripts.Script, *arguments: str | bytes | int) -> Any:
        """Run any script of the queue."""
        return self._redis("EVAL", script.text, 6, *self.keys, *arguments)

    def enqueue(self, *payloads: bytes, at: int = 1, expires: int | None = None) -> Any:
        """Offer a batch and return its outcome."""
        messages = [message(payload, at, expires) for payload in payloads]
        return self.call(offers=[(messages, "", "")]).offered[0]

    def dequeue(self, count: int = 1) -> list[bytes]:
        """Take what is there, without waiting."""
        return self.call(takes=[[count, 1 << 20, ""]]).payloads

    def wait(self, count: int = 1) -> str:
        """Stand in line and return the place."""
        token = self.token(count, 1 << 20)
        assert self.call(takes=[[count, 1 << 20, token]]).taken == [0]
        self.has_places = True
        return token

    def stats(self) -> dict[str, int]:
        """Return the counters of the queue."""
        names = _STATS.split()
        found = self.run(scripts.STATS, 100)
        if not found:
            return {}
        fields = {
            name: int(value or 0)
            for name, value in zip(names, found[0], strict=True)
            if name not in ("gen", "overflow")
        }
        return {**fields, "size": found[1], "consumers": found[2], "producers": found[3]}


def message(payload: bytes, at: int, expires: int | None = None) -> bytes:
    """Return a message as it stands in the list."""
    if expires is None:
        return at.to_bytes(8, "big") + payload
    return (at | 1 << 63).to_bytes(8, "big") + expires.to_bytes(8, "big") + payload


def _cost(raw: bytes) -> int:
    return len(raw) - (16 if raw[0] & 128 else 8) + OVERHEAD
