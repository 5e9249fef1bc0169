"""The connections to the servers that keep the queues, one to each, and which of them keeps a key.

Where a key lives is a :class:`ServerMap`: one server, the primary that sentinels name, or the slots
of a Cluster. It may be out of date: a server that knows better says so, and it is learned anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from zoldyq.engine.address import Address, Node
from zoldyq.engine.cluster import ClusterMap
from zoldyq.engine.link import Link, Word
from zoldyq.engine.links import Links
from zoldyq.engine.loop import EventLoop
from zoldyq.engine.security import Security
from zoldyq.engine.sentinels import SentinelMap

#: How often it is asked where the queues are at the most, in seconds.
_LEARN_SECONDS = 0.2

OnPush = Callable[[Sequence[Any]], None]
#: Told the link that ended and why; None for a link that was closed because it is needed no more.
OnLost = Callable[[Link, Exception | None], None]


class ServerMap(Protocol):
    """Which server keeps which key. Used by the loop's thread, ``nodes`` by any."""

    nodes: Sequence[Node]

    def node_of(self, key: str) -> Node | None:
        """Return the server that keeps a key, as far as is known."""

    def learn(self) -> None:
        """Ask where everything is; the answer comes later."""

    def moved(self, slot: int, node: Node) -> None:
        """Take note of what a server said of a slot."""

    def look(self) -> None:
        """Do what time asks for; called about twice a second."""

    def close(self) -> None:
        """End connections of its own."""


class Topology:
    """Links by node, and nodes by key. Used by the loop's thread alone.

    ``prepare`` are commands that each new connection sends first. ``on_ready`` is called when a
    link may be used, ``on_lost`` with the reason when one ended or could not be had, ``on_change``
    when the servers are others than before.
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
        on_change: Callable[[], None],
        on_push: OnPush,
        tls: Security | None = None,
    ) -> None:
        self._loop = loop
        self._on_ready = on_ready
        self._on_lost = on_lost
        self._on_change = on_change
        self._learned_at = float("-inf")

        def make(node: Node) -> Link:
            return Link(
                loop,
                node,
                address,
                timeout=timeout,
                prepare=prepare,
                on_ready=self._ready,
                on_lost=self._lost,
                on_push=on_push,
                tls=tls,
                # A replica of a Cluster says where a key is; elsewhere it would serve what is old.
                primary_only=address.kind != "cluster",
            )

        self._links = Links(loop, make)
        self._map: ServerMap
        if address.kind == "cluster":
            self._map = ClusterMap(address.nodes, self._links, self._changed)
        elif address.kind == "sentinel":
            self._map = SentinelMap(loop, address, timeout, tls, self._changed)
        else:
            self._map = OneServer(address.nodes)

    # -- for the engine ----------------------------------------------------------------------

    @property
    def nodes(self) -> Sequence[Node]:
        """The servers that keep queues, as far as is known; from any thread."""
        return self._map.nodes

    @property
    def up(self) -> bool:
        """Whether every server that keeps queues has a connection that works; from any thread."""
        nodes = self._map.nodes
        return bool(nodes) and all(self._links.has(node) for node in nodes)

    @property
    def partly_up(self) -> bool:
        """Whether at least one server that keeps queues has a connection that works."""
        return any(self._links.has(node) for node in self._map.nodes)

    def link_for(self, key: str) -> Link | None:
        """Return a working connection to the server that keeps a key, or begin to make one."""
        node = self._map.node_of(key)
        link = self._links.to(node) if node is not None else None
        if link is None:
            self.learn()  # it may have a successor
        return link

    def link_to(self, node: Node) -> Link | None:
        """Return a working connection to a server, or begin to make one and return None."""
        return self._links.to(node)

    def links(self) -> list[Link]:
        """Return every connection that works."""
        return self._links.ready()

    def moved(self, slot: int, node: Node) -> None:
        """Take note that a slot is elsewhere, as a server has just said."""
        self._map.moved(slot, node)
        self.learn()

    def learn(self) -> None:
        """Ask where everything is, unless that was done a moment ago."""
        if self._loop.now - self._learned_at >= _LEARN_SECONDS:
            self._learned_at = self._loop.now
            self._map.learn()

    def look(self) -> None:
        """Do what time asks for; called about twice a second."""
        self._map.look()
        if not self.up:
            self._open_all()
            self.learn()

    def close(self) -> None:
        """End all connections."""
        self._links.close()
        self._map.close()

    # -- changes -----------------------------------------------------------------------------

    def _ready(self, link: Link) -> None:
        self._links.succeeded(link)
        if not self._map.nodes:  # a server of a Cluster, which knows the others
            self._map.learn()
        self._on_ready(link)

    def _lost(self, link: Link, reason: Exception) -> None:
        wanted = self._links.forget(link)
        self._on_lost(link, reason if wanted else None)
        if wanted:
            self.learn()

    def _changed(self) -> None:
        """Connect to the servers that keep queues now, and let go of the others."""
        self._links.close_others(self._map.nodes)
        self._open_all()
        self._on_change()

    def _open_all(self) -> None:
        for node in self._map.nodes:
            self._links.to(node)


class OneServer:
    """The map of one server that keeps everything."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes

    def node_of(self, key: str) -> Node | None:  # noqa: ARG002
        """Return the server."""
        return self.nodes[0]

    def learn(self) -> None:
        """Know it already."""

    def moved(self, slot: int, node: Node) -> None:
        """Pass over what only a server of a Cluster says."""

    def look(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Have no connections to end."""
