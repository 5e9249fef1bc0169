"""What is asked of the servers before a front end uses them, over connections that block.

What cannot be cured by waiting is an InvalidSetting: a password, a version, an eviction policy that
deletes queues, a proxy that passes no rings on.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from zoldyq.contract.errors import BackendUnavailable, InvalidSetting
from zoldyq.engine import scripts
from zoldyq.engine.address import Address, Node, name_of, sentinel_address
from zoldyq.engine.asking import Asking, NotYet
from zoldyq.engine.cluster import SLOTS, owners_of, slot_of
from zoldyq.engine.security import Security

_Answer = TypeVar("_Answer")

_log = logging.getLogger("zoldyq.engine")

#: The layout of the keys. A front end refuses queues of another one.
LAYOUT = b"1"
_OLDEST_REDIS = (7, 0)
_OLDEST_VALKEY = (7, 2)
#: How often it is said that the server is awaited, and how often it is tried, in seconds.
_SAY_SECONDS = 5.0
_TRY_SECONDS = 0.25


def await_server(
    address: Address,
    prefix: str,
    *,
    tls: Security | None,
    timeout: float,
    start_seconds: float,
) -> None:
    """Return as soon as the queues can be used, within ``start_seconds``.

    Raises:
        InvalidSetting: they never can, as it is.
        BackendUnavailable: they could not be reached in time.
    """
    begin = said = time.monotonic()
    probe = _Probe(address, prefix, tls, timeout)
    while True:
        try:
            probe.run()
            return
        except NotYet as error:
            reason = str(error)
        now = time.monotonic()
        if now - begin > start_seconds:
            raise BackendUnavailable(
                f"the backend could not be used within {start_seconds:g} s ({reason})"
            )
        if now - said > _SAY_SECONDS:
            said = now
            _log.warning("the backend cannot be used yet (%s); trying again", reason)
        time.sleep(_TRY_SECONDS)


class _Probe:
    """One look at all servers that keep queues. Raises InvalidSetting or NotYet."""

    def __init__(self, address: Address, prefix: str, tls: Security | None, timeout: float) -> None:
        self._address = address
        self._prefix = prefix
        self._tls = tls
        self._timeout = timeout

    def run(self) -> None:
        """Look, and return if the queues can be used."""
        if self._address.kind == "cluster":
            slots = self._ask_any(self._slots)
            for node in sorted(set(slots)):
                with self._connect(node) as server:
                    self._check(server, slots, node)
            return
        node = (
            self._ask_any(self._primary)
            if self._address.kind == "sentinel"
            else self._address.nodes[0]
        )
        with self._connect(node) as server:
            self._check(server, [node] * SLOTS, node)

    def _connect(self, node: Node) -> Asking:
        return Asking(node, self._address, self._tls, self._timeout)

    # -- where the queues are ----------------------------------------------------------------

    def _ask_any(self, question: Callable[[Node], _Answer]) -> _Answer:
        """Return the first answer that one of the servers of the URL has."""
        reasons = []
        for node in self._address.nodes:
            try:
                return question(node)
            except NotYet as error:
                reasons.append(str(error))
        raise NotYet("; ".join(reasons))

    def _slots(self, node: Node) -> list[Node]:
        """Return the server of each slot of a Cluster."""
        with self._connect(node) as server:
            if server.mode != "cluster":
                raise InvalidSetting(
                    f"backend: {name_of(node)} is not in cluster mode; write redis:// instead of "
                    "redis+cluster://"
                )
            slots = owners_of(server.ask("CLUSTER", "SLOTS"), node)
        found = [owner for owner in slots if owner is not None]
        if len(found) < SLOTS:
            raise NotYet(
                f"{name_of(node)}: {SLOTS - len(found)} slots of the Cluster have no server"
            )
        return found

    def _primary(self, node: Node) -> Node:
        """Return the primary that a sentinel names."""
        address = self._address
        with Asking(node, sentinel_address(address, node), self._tls, self._timeout) as server:
            if server.mode != "sentinel":
                raise InvalidSetting(
                    f"backend: {name_of(node)} is no sentinel; write redis:// for a server that "
                    "keeps queues itself"
                )
            found = server.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", address.master)
        if found is None:
            raise InvalidSetting(
                f"backend: the sentinel {name_of(node)} knows no primary named {address.master}; "
                "give the name that sentinel.conf has behind 'sentinel monitor'"
            )
        return bytes(found[0]).decode(), int(found[1])

    # -- one server --------------------------------------------------------------------------

    def _check(self, server: Asking, slots: Sequence[Node], node: Node) -> None:
        self._check_mode(server)
        _check_version(server)
        _check_eviction(server)
        layout = f"{self._prefix}:layout"
        if slots[slot_of(layout)] == node:
            self._check_layout(server, layout)
        self._check_rings(server, slots, node)

    def _check_mode(self, server: Asking) -> None:
        kind = self._address.kind
        if kind != "cluster" and server.mode == "cluster":
            raise InvalidSetting(
                f"backend: {server.name} is in cluster mode; write redis+cluster:// instead of "
                "redis://"
            )
        if server.mode == "sentinel":
            raise InvalidSetting(
                f"backend: {server.name} is a sentinel; write redis+sentinel://HOST:PORT/NAME with "
                "the name of the primary"
            )
        if server.role == "replica":
            raise NotYet(f"{server.name} is a replica: queues need its primary")

    def _check_layout(self, server: Asking, key: str) -> None:
        server.ask("SET", key, LAYOUT, "NX")
        found = server.ask("GET", key)
        if found != LAYOUT:
            text = found.decode() if isinstance(found, bytes) else "none"
            raise InvalidSetting(
                f"backend: the queues under the prefix {self._prefix} were made by another version "
                f"of ZoldyQ (layout {text}, this one has {LAYOUT.decode()}); give another "
                "redis_prefix"
            )

    def _check_rings(self, server: Asking, slots: Sequence[Node], node: Node) -> None:
        """See whether a script's ring reaches this connection, which some proxies prevent."""
        tag = secrets.token_hex(8)
        while slots[slot_of(tag)] != node:
            tag = secrets.token_hex(8)
        channel = f"{self._prefix}:{{{tag}}}:c:{tag}"
        server.tell("SSUBSCRIBE", channel)
        key = f"{self._prefix}:{{{tag}}}:h"
        server.ask("SCRIPT", "LOAD", scripts.SELF_TEST.text)
        heard = server.ask("EVALSHA", scripts.SELF_TEST.digest, 1, key, channel)
        if heard != 1:
            raise InvalidSetting(
                f"backend: a message that a script publishes on {server.name} does not reach its "
                "front end; connect to the server itself, without a proxy"
            )


def _check_version(server: Asking) -> None:
    info = server.info("server")
    if "valkey_version" in info:
        kind, version, oldest = "Valkey", info["valkey_version"], _OLDEST_VALKEY
    else:
        kind, version, oldest = "Redis", info.get("redis_version", "0.0"), _OLDEST_REDIS
    if tuple(int(part) for part in version.split(".")[:2]) < oldest:
        raise InvalidSetting(
            f"backend: {server.name} is {kind} {version}; use Redis 7.0, Valkey 7.2 or later"
        )


def _check_eviction(server: Asking) -> None:
    policy = server.info("memory").get("maxmemory_policy", "noeviction")
    if policy.startswith("allkeys"):
        raise InvalidSetting(
            f"backend: {server.name} deletes queues when its memory is full (maxmemory-policy "
            f"{policy}); set maxmemory-policy to noeviction"
        )
