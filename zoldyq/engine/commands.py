"""Commands that are repeated until they have a reply, or an error that repeating cannot cure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hiredis
import msgspec

from zoldyq.contract.errors import NotReplicated
from zoldyq.engine import scripts
from zoldyq.engine.link import Link, LinkLost, Word
from zoldyq.engine.loop import EventLoop
from zoldyq.engine.topology import Topology, node_of

#: Errors after which the same command may work a moment later, and the pause in seconds; those in
#: _ELSEWHERE may work on another server.
_AGAIN = {"TRYAGAIN": 0.01, "BUSY": 0.05}
_ELSEWHERE = frozenset({"CLUSTERDOWN", "LOADING", "READONLY", "MASTERDOWN", "NOREPLICAS"})
_ELSEWHERE_PAUSE = 0.05
_NEVER = float("inf")


class Command(msgspec.Struct):
    """What is asked of the server that keeps ``key``.

    ``script`` is the script that the command runs, if any; ``subscribe`` a channel that must be
    listened to before; ``replicated`` says that replicas are waited for.
    """

    key: str
    words: Sequence[Word]
    on_reply: Callable[[Any], None]
    script: scripts.Script | None = None
    subscribe: str = ""
    replicated: bool = False
    again_at: float = 0.0


class Commands:
    """Sends commands over a topology, and repeats them. Used by the loop's thread alone.

    With ``replicas`` above 0 a replicated command counts only once so many have it, or fails
    with NotReplicated after ``replica_seconds``. ``count_retry`` is told the reason of each retry.
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
        #: What each connection listens to.
        self._subscribed: dict[Link, set[str]] = {}

    @property
    def stalled(self) -> int:
        """How many commands wait for a server."""
        return len(self._stalled)

    def send(self, command: Command) -> None:
        """Send a command now, or as soon as its server can be had."""
        link = self._topology.link_for(command.key)
        if link is None:
            self._stall(command, _ELSEWHERE_PAUSE)
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
        if command.subscribe:
            channels = self._subscribed.setdefault(link, set())
            if command.subscribe not in channels:
                channels.add(command.subscribe)
                link.tell(["SSUBSCRIBE", command.subscribe])
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
        if failed and not isinstance(reply, Exception) and not isinstance(count, Exception):
            command.on_reply(
                NotReplicated("too few replicas have the message in time: it may stay, or not")
            )
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
            self._count_retry(kind.lower())
            link.send(["SCRIPT", "LOAD", command.script.text], _ignore)
            self._send_over(link, command)
            link.flush()
        elif kind == "MOVED":
            self._count_retry(kind.lower())
            self._topology.moved(*node_of(rest))
            self.send(command)
            self.flush()
        elif kind == "ASK":
            self._count_retry(kind.lower())
            target = self._topology.link_to(node_of(rest)[1])
            if target is None:
                self._stall(command, 0.01)
            else:
                self._send_over(target, command, asking=True)
                target.flush()
        elif kind in _AGAIN:
            self._count_retry(kind.lower())
            self._stall(command, _AGAIN[kind])
        elif kind in _ELSEWHERE:
            self._count_retry(kind.lower())
            self._topology.learn()
            self._stall(command, _ELSEWHERE_PAUSE)
        else:
            command.on_reply(error)

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


def _ignore(reply: Any) -> None:
    """Pass over a reply that changes nothing: an error shows in the next command."""
