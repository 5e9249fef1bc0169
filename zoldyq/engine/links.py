"""Connections by server: made when first wanted, and made again, after a pause, when they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from zoldyq.engine.address import Node
from zoldyq.engine.link import Link, LinkLost
from zoldyq.engine.loop import EventLoop

#: Seconds between attempts to connect to the same server: the first pause, doubled up to the last.
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5


class Links:
    """Used by the loop's thread alone, :meth:`has` by any. ``make`` begins a connection."""

    def __init__(self, loop: EventLoop, make: Callable[[Node], Link]) -> None:
        self._loop = loop
        self._make = make
        self._links: dict[Node, Link] = {}
        #: Until when a node is left alone, and the pause after the next failure; monotonic seconds.
        self._pauses: dict[Node, tuple[float, float]] = {}

    def has(self, node: Node) -> bool:
        """Whether there is a working connection to a server."""
        link = self._links.get(node)
        return link is not None and link.ready

    def to(self, node: Node) -> Link | None:
        """Return a working connection to a server, or begin to make one and return None."""
        link = self._links.get(node)
        if link is None:
            link = self._connect(node)
        return link if link is not None and link.ready else None

    def ready(self) -> list[Link]:
        """Return every connection that works."""
        return [link for link in self._links.values() if link.ready]

    def succeeded(self, link: Link) -> None:
        """Take note that a connection works: the next failure is a first one."""
        self._pauses.pop(link.node, None)

    def forget(self, link: Link) -> bool:
        """Take note that a connection has ended; tell whether it was still wanted."""
        if self._links.get(link.node) is not link:
            return False
        del self._links[link.node]
        return True

    def close_others(self, nodes: Iterable[Node]) -> None:
        """End the connections to all servers but these."""
        for node in set(self._links).difference(nodes):
            self._links.pop(node).close()
            self._pauses.pop(node, None)

    def close(self) -> None:
        """End all connections."""
        self.close_others(())

    def _connect(self, node: Node) -> Link | None:
        until, pause = self._pauses.get(node, (0.0, _FIRST_PAUSE))
        if self._loop.now < until:
            return None
        self._pauses[node] = (self._loop.now + pause, min(2 * pause, _LONGEST_PAUSE))
        try:
            link = self._make(node)
        except LinkLost:
            return None
        self._links[node] = link
        return link
