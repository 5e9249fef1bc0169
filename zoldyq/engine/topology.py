"""Which server keeps which queue: one server, the primary of sentinels, or a Cluster's slots.

A topology owns the links to its servers and makes new ones when they break. It says where a key
lives as far as it knows; a server that knows better answers so, and then it learns.
"""

from __future__ import annotations

import ssl
from binascii import crc_hqx
from collections.abc import Callable, Sequence
from typing import Any

from zoldyq.engine.address import Address, Node
from zoldyq.engine.link import Link, LinkLost, Word
from zoldyq.engine.loop import EventLoop

_SLOTS = 16384
#: Seconds between attempts to connect to the same server: the first pause, doubled up to the last.
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5
#: How often the topology is asked for again at the most, in seconds.
_LEARN_SECONDS = 0.2

OnPush = Callable[[Sequence[Any]], None]
OnLost = Callable[[Link, Exception], None]


class Topology:
    """Links by node, and nodes by key. Used by the loop's thread alone.

    ``prepare`` are commands that each new connection sends first. ``on_ready`` is called when a
    link may be used, ``on_lost`` with the reason when one ended or could not be had.
    """

    def __init__(
        self,
        loop: EventLoop,
        address: Address,
        *,
        timeout: float,
        prepare: Sequence[Sequence[Word]],
        on_ready: Callable[[Link], None],
        on_lost: OnLost,
        on_push: OnPush,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._loop = loop
        self._address = address
        self._timeout = timeout
        self._prepare = prepare
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._on_push = on_push
        self._tls = tls
        self._links: dict[Node, Link] = {}
        #: Until when a node is left alone, and the pause after the next failure; monotonic seconds.
        self._pauses: dict[Node, tuple[float, float]] = {}
        self._primary: Node | None = address.nodes[0] if address.kind == "single" else None
        self._slots: list[Node | None] = [None] * (_SLOTS if address.kind == "cluster" else 0)
        self._learned_at = float("-inf")
        self._learner: Link | None = None  # a sentinel that is being asked
        self._next_source = 0

    # -- for the engine ----------------------------------------------------------------------

    @property
    def nodes(self) -> list[Node]:
        """The servers that keep queues, as far as is known."""
        if self._address.kind != "cluster":
            return [self._primary] if self._primary is not None else []
        return sorted({node for node in self._slots if node is not None})

    @property
    def up(self) -> bool:
        """Whether every server that keeps queues has a connection that works."""
        nodes = self.nodes
        return bool(nodes) and all(
            (link := self._links.get(node)) is not None and link.ready for node in nodes
        )

    def link_for(self, key: str) -> Link | None:
        """Return a working connection to the server that keeps a key, or begin to make one."""
        node = self._node_of(key)
        if node is None:
            self.learn()
            return None
        return self.link_to(node)

    def link_to(self, node: Node) -> Link | None:
        """Return a working connection to a server, or begin to make one and return None."""
        link = self._links.get(node)
        if link is None:
            link = self._connect(node)
        return link if link is not None and link.ready else None

    def links(self) -> list[Link]:
        """Return every connection that works."""
        return [link for link in self._links.values() if link.ready]

    def moved(self, slot: int, node: Node) -> None:
        """Take note that a slot is elsewhere, as a server has just said."""
        if self._slots:
            self._slots[slot] = node
        self.learn()

    def learn(self) -> None:
        """Ask where everything is, unless that was done a moment ago."""
        if self._loop.now - self._learned_at < _LEARN_SECONDS:
            return
        self._learned_at = self._loop.now
        if self._address.kind == "cluster":
            self._learn_slots()
        elif self._address.kind == "sentinel":
            self._ask_sentinel()

    def close(self) -> None:
        """End all connections."""
        for link in [*self._links.values(), self._learner]:
            if link is not None:
                link.close()

    # -- connecting --------------------------------------------------------------------------

    def _connect(self, node: Node) -> Link | None:
        until, pause = self._pauses.get(node, (0.0, _FIRST_PAUSE))
        if self._loop.now < until:
            return None
        self._pauses[node] = (self._loop.now + pause, min(2 * pause, _LONGEST_PAUSE))
        try:
            link = Link(
                self._loop,
                node,
                self._address,
                timeout=self._timeout,
                prepare=self._prepare,
                on_ready=self._ready,
                on_lost=self._lost,
                on_push=self._on_push,
                tls=self._tls,
            )
        except LinkLost:
            self._next_source += 1
            return None
        self._links[node] = link
        return link

    def _ready(self, link: Link) -> None:
        self._pauses.pop(link.node, None)
        if self._address.kind == "cluster" and not self.nodes:
            self._learned_at = float("-inf")
            self.learn()
        self._on_ready(link)

    def _lost(self, link: Link, reason: Exception) -> None:
        if self._links.get(link.node) is link:
            del self._links[link.node]
        if self._address.kind == "sentinel":
            self._primary = None  # it may have a successor
        self.learn()
        self._on_lost(link, reason)

    def _node_of(self, key: str) -> Node | None:
        if self._slots:
            return self._slots[slot_of(key)]
        return self._primary

    # -- a Cluster ---------------------------------------------------------------------------

    def _learn_slots(self) -> None:
        ready = self.links()
        if ready:
            link = ready[self._next_source % len(ready)]
            self._next_source += 1
            link.send(["CLUSTER", "SLOTS"], self._take_slots)
            link.flush()
            return
        known = [*self._address.nodes, *self.nodes]
        self.link_to(known[self._next_source % len(known)])
        self._next_source += 1

    def _take_slots(self, reply: Any) -> None:
        if isinstance(reply, Exception):
            return
        for first, last, primary, *_ in reply:
            node = (_text(primary[0]), int(primary[1]))
            self._slots[first : last + 1] = [node] * (last + 1 - first)
        for node in self.nodes:
            self.link_to(node)

    # -- sentinels ---------------------------------------------------------------------------

    def _ask_sentinel(self) -> None:
        if self._learner is not None:
            return
        sources = self._address.nodes
        node = sources[self._next_source % len(sources)]
        self._next_source += 1
        plain = Address("single", (node,), self._address.secure)
        try:
            self._learner = Link(
                self._loop,
                node,
                plain,
                timeout=self._timeout,
                prepare=(),
                on_ready=self._sentinel_ready,
                on_lost=self._sentinel_lost,
                on_push=_ignore,
                tls=self._tls,
            )
        except LinkLost:
            self._learner = None

    def _sentinel_ready(self, link: Link) -> None:
        words = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._address.master]
        link.send(words, lambda reply: self._take_primary(link, reply))
        link.flush()

    def _take_primary(self, link: Link, reply: Any) -> None:
        if isinstance(reply, list) and len(reply) == 2:
            self._primary = (_text(reply[0]), int(reply[1]))
            self.link_to(self._primary)
        if not isinstance(reply, LinkLost):
            link.close()

    def _sentinel_lost(self, _link: Link, _reason: Exception) -> None:
        self._learner = None


def slot_of(key: str) -> int:
    """Return the slot of a key in a Cluster: CRC16 (XMODEM) of what stands in its braces."""
    start = key.find("{")
    if start >= 0:
        end = key.find("}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return crc_hqx(key.encode(), 0) % _SLOTS


def node_of(text: str) -> tuple[int, Node]:
    """Read the rest of a MOVED or ASK error: a slot and a node."""
    slot, _, address = text.partition(" ")
    host, _, port = address.rpartition(":")
    return int(slot), (host.strip("[]"), int(port))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _ignore(push: Sequence[Any]) -> None:
    """Pass over what a sentinel tells unasked."""
