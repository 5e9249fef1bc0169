"""Which server is the primary, as sentinels tell it.

Every sentinel is asked, about once a second and whenever one announces a change: one that is cut
off from the others goes on to name the old primary. The answer of the latest election counts.

Before a sentinel makes a replica the primary it says so. From then on the old primary gets nothing
more, for it would go on to take what the new one never sees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from zoldyq.engine.address import Address, Node, sentinel_address
from zoldyq.engine.link import Link
from zoldyq.engine.links import Links
from zoldyq.engine.loop import EventLoop
from zoldyq.engine.security import Security

#: How often each sentinel is asked although nothing is wrong, in seconds.
_ASK_SECONDS = 1.0
_SWITCHED = "+switch-master"
_FAILOVERS = "*failover*"
#: What a sentinel announces on its way to a new primary, each about a tenth of a second after the
#: one before. The replica becomes the primary between the last two.
_ABOUT_TO_SWITCH = frozenset(
    {
        b"+try-failover",
        b"+failover-state-select-slave",
        b"+failover-state-send-slaveof-noone",
        b"+failover-state-wait-promotion",
    }
)
_GIVEN_UP = b"-failover-abort"
#: How long the primary gets nothing at the most, if no sentinel says how that ended, in seconds.
_HOLD_SECONDS = 5.0


class SentinelMap:
    """The primary that the sentinels of ``address`` name. Used by the loop's thread alone.

    ``on_change`` is called when it is another one than before.
    """

    def __init__(
        self,
        loop: EventLoop,
        address: Address,
        timeout: float,
        tls: Security | None,
        on_change: Callable[[], None],
    ) -> None:
        self.nodes: Sequence[Node] = ()
        self._loop = loop
        self._sentinels = address.nodes
        self._name = address.master
        self._on_change = on_change
        self._epoch = -1  # of the election whose outcome is known
        self._asked_at = float("-inf")
        self._held_until = float("-inf")  # until when the primary gets nothing
        self._closed = False

        def make(node: Node) -> Link:
            return Link(
                loop,
                node,
                sentinel_address(address, node),
                timeout=timeout,
                prepare=(),
                on_ready=self._ready,
                on_lost=self._lost,
                on_push=self._announced,
                tls=tls,
            )

        self._links = Links(loop, make)

    def node_of(self, key: str) -> Node | None:  # noqa: ARG002
        """Return the primary, as far as is known; None while it is about to be another one."""
        held = self._loop.now < self._held_until
        return self.nodes[0] if self.nodes and not held else None

    def moved(self, slot: int, node: Node) -> None:
        """Pass over what only a server of a Cluster says."""

    def learn(self) -> None:
        """Ask every sentinel that can be reached."""
        if self._closed:
            return
        self._asked_at = self._loop.now
        for node in self._sentinels:
            link = self._links.to(node)
            if link is not None:
                self._ask(link)

    def look(self) -> None:
        """Ask again, now and then."""
        if self._loop.now - self._asked_at >= _ASK_SECONDS:
            self.learn()

    def close(self) -> None:
        """End the connections to the sentinels."""
        self._closed = True
        self._links.close()

    # -- a sentinel's answers ----------------------------------------------------------------

    def _ready(self, link: Link) -> None:
        self._links.succeeded(link)
        link.subscribe("SUBSCRIBE", _SWITCHED, _ignore)
        link.subscribe("PSUBSCRIBE", _FAILOVERS, _ignore)
        self._ask(link)

    def _lost(self, link: Link, _reason: Exception) -> None:
        self._links.forget(link)

    def _announced(self, push: Sequence[Any]) -> None:
        if bytes(push[0]) not in (b"message", b"pmessage"):
            return
        event, text = bytes(push[-2]), bytes(push[-1])
        about = text.decode().split()  # ends with the address of the primary that it is about
        if self._name not in about:
            return  # another primary, which the same sentinels watch
        if event in _ABOUT_TO_SWITCH:
            host, port = self.nodes[0] if self.nodes else ("", 0)
            if about[-2:] != [host, str(port)]:
                return  # this sentinel has missed that there is another one
            self._held_until = self._loop.now + _HOLD_SECONDS
        elif event.startswith(_GIVEN_UP):
            self._held_until = float("-inf")
        else:
            self.learn()

    def _ask(self, link: Link) -> None:
        # In this order: while an election ends, an old address may come with the new epoch and is
        # corrected by the next answer. A new address with the old epoch could be taken back.
        address: list[Any] = []
        link.send(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._name], address.append)
        link.send(["SENTINEL", "MASTER", self._name], partial(self._take, address))
        link.flush()

    def _take(self, address: Sequence[Any], reply: Any) -> None:
        found = address[0]
        if isinstance(reply, Exception) or not isinstance(found, list) or len(found) != 2:
            return  # it does not know the name, or is gone: another one may know
        epoch = int(fields_of(reply).get("config-epoch", "0"))
        if epoch < self._epoch:
            return
        self._epoch = epoch
        primary = (bytes(found[0]).decode(), int(found[1]))
        if self.nodes != (primary,):
            self.nodes = (primary,)
            self._held_until = float("-inf")
            self._on_change()


def fields_of(reply: Any) -> Mapping[str, str]:
    """Read names and values, which come as a map in RESP3 and as a list in RESP2."""
    if not isinstance(reply, dict):
        reply = dict(zip(reply[::2], reply[1::2], strict=True))
    return {bytes(name).decode(): bytes(value).decode() for name, value in reply.items()}


def _ignore(_reply: Any) -> None:
    """Pass over a subscription that failed: the sentinel is asked once a second anyhow."""
