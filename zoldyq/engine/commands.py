"""Commands that are repeated until they have a reply, or an error that repeating cannot cure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import hiredis
import msgspec

from zoldyq.engine import scripts
from zoldyq.engine.address import Node, name_of
from zoldyq.engine.cluster import node_of
from zoldyq.engine.link import Link, LinkLost, Word
from zoldyq.engine.loop import EventLoop
from zoldyq.engine.topology import Topology

#: Errors after which the same command may work a moment later, perhaps on another server, and the
#: pause in seconds.
_PAUSES = {
    "TRYAGAIN": 0.01,
    "BUSY": 0.05,
    "CLUSTERDOWN": 0.05,
    "LOADING": 0.05,
    "READONLY": 0.05,
    "MASTERDOWN": 0.05,
    "NOREPLICAS": 0.05,
}
#: How often it is looked whether a server that cannot be reached can be had, in seconds.
_AWAY_PAUSE = 0.05
#: How often a command follows at once what servers say of a slot, before it waits in between.
_MOVES = 3
_MOVED_PAUSE = 0.01
_NEVER = float("inf")


class Command(msgspec.Struct):
    """What is asked of the server that keeps ``key``.

    ``script`` is the script that the command runs, if any; ``subscribe`` a channel that must be
    listened to before; ``replicated`` says that replicas are waited for. ``began`` is when it was
    given, in seconds of the monotonic clock.
    """

    key: str
    words: Sequence[Word]
    on_reply: Callable[[Any], None]
    script: scripts.Script | None = None
    subscribe: str = ""
    replicated: bool = False
    again_at: float = 0.0
    began: float = 0.0
    moves: int = 0


class Unreplicated(msgspec.Struct, frozen=True):
    """The reply to a replicated command that ran, and that too few replicas have in time."""

    reply: Any


class Commands:
    """Sends commands over a topology, and repeats them. Used by the loop's thread alone.

    With ``replicas`` above 0 the reply to a replicated command is :class:`Unreplicated` if not so
    many have it after ``replica_seconds``. ``count_retry`` is told the reason of each retry.
    """

    def __init__(
        self,
        loop: EventLoop,
        topology: Topology,
        *,
        replicas: int,
        replica_seconds: float,
        count_retry: Callable[[str], None],
    ) -> None:
        self.deadline = self.scheduled = _NEVER
        self._loop = loop
        self._topology = topology
        self._replicas = replicas
        self._replica_words: list[Word] = ["WAIT", replicas, int(replica_seconds * 1000)]
        self._count_retry = count_retry
        self._stalled: list[Command] = []
        self._stall_reason = ""
        #: What each connection listens to.
        self._subscribed: dict[Link, set[str]] = {}

    @property
    def stalled(self) -> int:
        """How many commands wait for a server."""
        return len(self._stalled)

    @property
    def unanswered_since(self) -> float | None:
        """When the oldest command without an answer was given, monotonic seconds; None for none."""
        given = [command.began for command in self._stalled]
        given += [since for link in self._topology.links() if (since := link.unanswered_since)]
        return min(given, default=None)

    @property
    def stall_reason(self) -> str:
        """What a server last said when it could not serve a command."""
        return self._stall_reason

    def send(self, command: Command) -> None:
        """Send a command now, or as soon as its server can be had."""
        command.began = command.began or self._loop.now
        link = self._topology.link_for(command.key)
        if link is None:
            self._stall(command, _AWAY_PAUSE)
        else:
            self._send_over(link, command)

    def flush(self) -> None:
        """Have all that was given go out."""
        for link in self._topology.links():
            link.flush()

    def forget_subscription(self, channel: str) -> None:
        """Take note that a server has ended a subscription, as it does when a slot moves."""
        for channels in self._subscribed.values():
            channels.discard(channel)

    def link_lost(self, link: Link) -> None:
        """Forget what a connection listened to."""
        self._subscribed.pop(link, None)

    def retry(self) -> None:
        """Send again what is due: on a timer, and when a server can be had."""
        now = self._loop.now
        due = [command for command in self._stalled if command.again_at <= now]
        self._stalled = [command for command in self._stalled if command.again_at > now]
        for command in due:
            self.send(command)
        self._schedule()

    def on_deadline(self) -> None:
        """Send again what is due."""
        self.deadline = _NEVER
        self.retry()
        self.flush()

    def close(self) -> None:
        """Give up on everything."""
        self._loop.forget(self)
        stalled, self._stalled = self._stalled, []
        for command in stalled:
            command.on_reply(LinkLost("the server is stopping"))

    # -- helpers -----------------------------------------------------------------------------

    def _send_over(self, link: Link, command: Command, *, asking: bool = False) -> None:
        if command.subscribe and not asking:  # the channel stays until the slot has moved
            channels = self._subscribed.setdefault(link, set())
            if command.subscribe not in channels:
                channels.add(command.subscribe)
                # Refused where the slot is not: then the command itself is sent elsewhere, too.
                forget = partial(_discard, channels, command.subscribe)
                link.subscribe("SSUBSCRIBE", command.subscribe, forget)
        if asking:
            link.send(["ASKING"], _ignore)
        if command.replicated and self._replicas:
            answers: list[Any] = []
            link.send(command.words, answers.append)
            link.send(
                self._replica_words, lambda count: self._replicated(command, answers, link, count)
            )
        else:
            link.send(command.words, lambda reply: self._replied(command, link, reply))

    def _replicated(self, command: Command, answers: list[Any], link: Link, count: Any) -> None:
        reply = answers[0]
        failed = isinstance(count, Exception) or count < self._replicas
        if failed and not isinstance(reply, Exception) and not isinstance(count, LinkLost):
            command.on_reply(Unreplicated(reply))
        else:
            self._replied(command, link, reply)

    def _replied(self, command: Command, link: Link, reply: Any) -> None:
        if isinstance(reply, LinkLost):
            self._count_retry("connection")
            self._stall(command, 0.0)
        elif isinstance(reply, hiredis.ReplyError):
            self._refused(command, link, reply)
        else:
            command.on_reply(reply)

    def _refused(self, command: Command, link: Link, error: hiredis.ReplyError) -> None:
        kind, _, rest = str(error).partition(" ")
        if kind == "NOSCRIPT" and command.script is not None:
            self._count_retry("noscript")
            link.send(["SCRIPT", "LOAD", command.script.text], _ignore)
            self._send_over(link, command)
            link.flush()
        elif kind in ("MOVED", "ASK"):
            self._count_retry(kind.lower())
            self._follow(command, kind, *node_of(rest, link.node))
        elif kind in _PAUSES:
            self._count_retry(kind.lower())
            self._stall_reason = f"{name_of(link.node)} says {error}"
            self._stall(command, _PAUSES[kind])
            if kind == "READONLY":
                link.give_up(LinkLost(f"{name_of(link.node)} has become a replica"))
            self._topology.learn()
        else:
            command.on_reply(error)

    def _follow(self, command: Command, kind: str, slot: int, node: Node) -> None:
        """Send a command to where a server says that its slot is."""
        asking = kind == "ASK"
        if not asking:
            self._topology.moved(slot, node)
        command.moves += 1
        target = self._topology.link_to(node)
        if target is None or command.moves > _MOVES:  # servers that disagree get time to agree
            command.moves = 0
            self._stall(command, _MOVED_PAUSE)
        else:
            self._send_over(target, command, asking=asking)
            target.flush()

    def _stall(self, command: Command, pause: float) -> None:
        command.again_at = self._loop.now + pause
        self._stalled.append(command)
        self._schedule()

    def _schedule(self) -> None:
        if self._stalled:
            # Looked at again at least this often, for a new connection takes no note of commands.
            soonest = min(command.again_at for command in self._stalled)
            self.deadline = max(soonest, self._loop.now + 0.005)
            if self.deadline < self.scheduled:
                self._loop.schedule(self)


def _discard(channels: set[str], channel: str, _error: Exception) -> None:
    channels.discard(channel)


def _ignore(reply: Any) -> None:
    """Pass over a reply that changes nothing: an error shows in the next command."""
