"""The scripts that run inside Redis: their texts, their digests, and the keys that they need.

A script begins with a shebang (Redis 7.0) that says what it may do. Those of a queue share the text
of ``common.lua``. The one of the calls is there twice: as it is, so that Redis refuses it when
memory is full, and with ``allow-oom``, for calls that bring no messages.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

import msgspec


class Script(msgspec.Struct, frozen=True):
    """One script: ``text`` for SCRIPT LOAD, ``digest`` (SHA-1, in hex) for EVALSHA."""

    text: bytes
    digest: bytes


def _read(name: str) -> str:
    return (files("zoldyq.engine") / "lua" / f"{name}.lua").read_text(encoding="utf-8")


def _script(name: str, flags: str = "", *, of_queue: bool = True) -> Script:
    shebang = f"#!lua flags={flags}" if flags else "#!lua"
    parts = [shebang, *([_read("common")] if of_queue else []), _read(name)]
    text = "\n".join(parts).encode()
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest().encode())


CALL = _script("call")
CALL_WITHOUT_MEMORY = _script("call", "allow-oom")
CONFIRM = _script("confirm", "allow-oom", of_queue=False)
REAP = _script("reap", "allow-oom")
STATS = _script("stats", "no-writes")
PEEK = _script("peek", "no-writes")
PURGE = _script("purge", "allow-oom")
MOVE = _script("move", "allow-oom")
CREATE = _script("create")
UPDATE = _script("update", "allow-oom")
SWEEP = _script("sweep", "allow-oom")
RETIRE = _script("retire", "allow-oom")
RESERVE = _script("reserve", of_queue=False)
FORGET = _script("forget", "allow-oom", of_queue=False)
SELF_TEST = _script("selftest", "allow-oom", of_queue=False)

#: Every script, for loading them all on a new connection.
ALL = (
    CALL,
    CALL_WITHOUT_MEMORY,
    CONFIRM,
    REAP,
    STATS,
    PEEK,
    PURGE,
    MOVE,
    CREATE,
    UPDATE,
    SWEEP,
    RETIRE,
    RESERVE,
    FORGET,
    SELF_TEST,
)
