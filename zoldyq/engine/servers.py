"""The servers that keep the queues, as an engine sees them: commands for them, and their health."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from zoldyq.engine import scripts
from zoldyq.engine.address import Address, name_of
from zoldyq.engine.commands import Command, Commands
from zoldyq.engine.health import Health
from zoldyq.engine.link import Link
from zoldyq.engine.loop import EventLoop
from zoldyq.engine.security import Security
from zoldyq.engine.topology import Topology

_log = logging.getLogger("zoldyq.engine")

#: How long a command is without an answer before something is wrong, in seconds.
_PROMPT_SECONDS = 1.0


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long servers and replicas are waited for, in seconds.

    ``timeout`` is for an answer, ``grace`` for a server that is away, ``replica_seconds`` for as
    many ``replicas`` as a replicated command needs.
    """

    timeout: float
    grace: float
    replicas: int
    replica_seconds: float


class Servers:
    """Used by the loop's thread alone, but for ``nodes`` and ``health``.

    ``on_ready`` is called when a connection may be used, ``on_ring`` with the channel and the text
    of a ring, ``on_moved`` with a channel that its server no longer serves, ``on_reconnect`` when
    a connection has ended, ``count_retry`` with the reason when a command is sent again.
    """

    def __init__(
        self,
        loop: EventLoop,
        address: Address,
        health: Health,
        patience: Patience,
        *,
        tls: Security | None,
        on_ready: Callable[[], None],
        on_ring: Callable[[bytes, bytes], None],
        on_moved: Callable[[bytes], None],
        on_reconnect: Callable[[], None],
        count_retry: Callable[[str], None],
    ) -> None:
        self.silent = False  # whether the log is told nothing more, because the server is stopping
        self._loop = loop
        self._address = address
        self._health = health
        self._grace = patience.grace
        self._on_ready = on_ready
        self._on_ring = on_ring
        self._on_moved = on_moved
        self._on_reconnect = on_reconnect
        self._closed = False
        self._topology = Topology(
            loop,
            address,
            timeout=patience.timeout,
            prepare=[["SCRIPT", "LOAD", script.text] for script in scripts.ALL],
            on_ready=self._link_ready,
            on_lost=self._link_lost,
            on_change=self._changed,
            on_push=self._pushed,
            tls=tls,
        )
        self._commands = Commands(
            loop,
            self._topology,
            replicas=patience.replicas,
            replica_seconds=patience.replica_seconds,
            count_retry=count_retry,
        )
        health.note_down(loop.now, nothing_answers=True)

    @property
    def nodes(self) -> list[str]:
        """The servers that keep queues, or those that know them; without passwords."""
        return [name_of(node) for node in self._topology.nodes] or self._address.names

    @property
    def settled(self) -> bool:
        """Whether every command has its answer."""
        return not (self._commands.stalled or any(link.busy for link in self._topology.links()))

    def reaches(self, key: str) -> bool:
        """Whether the server that keeps a key can be had now."""
        return self._topology.link_for(key) is not None

    def send(self, command: Command) -> None:
        """Send a command, and repeat it until it has an answer."""
        self._commands.send(command)

    def flush(self) -> None:
        """Have all that was given go out."""
        self._commands.flush()

    def look(self) -> None:
        """Learn what has changed, and take note of what does not answer; about twice a second."""
        self._topology.look()
        self._look_after_health()
        if self._health.down_since is not None and self._topology.up:
            self._say(self._commands.stall_reason)

    def close(self) -> None:
        """End all connections; commands without an answer get LinkLost."""
        self._closed = True
        self._commands.close()
        self._topology.close()

    # -- what happens ------------------------------------------------------------------------

    def _link_ready(self, _link: Link) -> None:
        self._look_after_health()
        self._on_ready()
        self._commands.retry()

    def _link_lost(self, link: Link, reason: Exception | None) -> None:
        self._commands.link_lost(link)
        if not self._closed and reason is not None:
            self._on_reconnect()
            self._look_after_health()
            self._say(str(reason))

    def _changed(self) -> None:
        if not self._closed:
            _log.info("the queues are kept by %s", ", ".join(self.nodes))
            self._look_after_health()

    def _pushed(self, push: Sequence[Any]) -> None:
        kind = bytes(push[0])
        if kind == b"smessage":
            self._on_ring(bytes(push[1]), bytes(push[2]))
        elif kind == b"sunsubscribe":
            self._commands.forget_subscription(bytes(push[1]).decode())
            self._topology.learn()
            self._on_moved(bytes(push[1]))

    def _look_after_health(self) -> None:
        """Take note of whether all servers answer, and answer in time."""
        since = self._commands.unanswered_since
        late = since is not None and self._loop.now - since > min(_PROMPT_SECONDS, self._grace)
        if self._topology.up and not late:
            self._health.note_up(self._loop.now)
        else:
            nothing = late if self._topology.up else not self._topology.partly_up
            self._health.note_down(self._loop.now, nothing_answers=nothing)

    def _say(self, reason: str) -> None:
        if not self.silent:
            self._health.say(self._loop.now, reason)
