"""Which server of a Cluster keeps which slot, and which slot a key lies in."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from zoldyq.engine.address import Node
from zoldyq.engine.links import Links

SLOTS = 16384


class ClusterMap:
    """The slots as the servers tell them. ``seeds`` are the servers that are asked first.

    ``on_change`` is called when the servers that keep slots are others than before.
    """

    def __init__(self, seeds: Sequence[Node], links: Links, on_change: Callable[[], None]) -> None:
        self.nodes: Sequence[Node] = ()
        self._seeds = seeds
        self._links = links
        self._on_change = on_change
        self._slots: list[Node | None] = [None] * SLOTS
        self._turn = 0  # which server is asked next

    def node_of(self, key: str) -> Node | None:
        """Return the server that keeps a key, as far as is known."""
        return self._slots[slot_of(key)]

    def moved(self, slot: int, node: Node) -> None:
        """Take note of what a server said of a slot."""
        self._slots[slot] = node

    def learn(self) -> None:
        """Ask the servers for their slots, one after the other."""
        known = [*self._seeds, *(node for node in self.nodes if node not in self._seeds)]
        for _ in known:
            self._turn += 1
            link = self._links.to(known[self._turn % len(known)])
            if link is not None:
                link.send(["CLUSTER", "SLOTS"], partial(self._take, link.node))
                link.flush()
                return

    def look(self) -> None:
        """Do nothing: whatever has moved is told when it is asked for."""

    def close(self) -> None:
        """Have no connections to end."""

    def _take(self, asked: Node, reply: Any) -> None:
        if isinstance(reply, Exception) or not reply:
            return  # another server may know
        self._slots = owners_of(reply, asked)
        nodes = sorted({node for node in self._slots if node is not None})
        if nodes != self.nodes:
            self.nodes = nodes
            self._on_change()


def slot_of(key: str) -> int:
    """Return the slot of a key: CRC16 (XMODEM) of what stands in its braces."""
    start = key.find("{")
    if start >= 0:
        end = key.find("}", start + 1)
        if end > start + 1:
            key = key[start + 1 : end]
    return crc_hqx(key.encode(), 0) % SLOTS


def node_of(text: str, asked: Node) -> tuple[int, Node]:
    """Read the rest of a MOVED or ASK error of the server ``asked``: a slot and a node.

    A server that does not know its name leaves the host out: it is the one that was asked.
    """
    slot, _, address = text.partition(" ")
    host, _, port = address.rpartition(":")
    return int(slot), (host.strip("[]") or asked[0], int(port))


def owners_of(reply: Sequence[Any], asked: Node) -> list[Node | None]:
    """Return the server of each slot by CLUSTER SLOTS of the server ``asked``; None for no one."""
    slots: list[Node | None] = [None] * SLOTS
    for first, last, primary, *_ in reply:
        node = (_host(primary[0]) or asked[0], int(primary[1]))
        slots[first : last + 1] = [node] * (last + 1 - first)
    return slots


def _host(value: Any) -> str:
    """Return a host of CLUSTER SLOTS; empty if it is the one that was asked."""
    text = value.decode() if isinstance(value, bytes) else str(value or "")
    return "" if text == "?" else text
