"""The queues of this server in Redis: channels, the index of names, and what time brings.

An engine belongs to one event loop and one front end. Other threads enter through the loop's door.
The module is long because it is where the parts meet: each of its methods is a few lines that pass
something on from the queues to a channel, from a channel to the servers, or back.
"""

from __future__ import annotations

import itertools
import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from zoldyq.contract.errors import (
    BackendError,
    BackendUnavailable,
    MemoryLimit,
    ZoldyQError,
)
from zoldyq.contract.policy import Policy
from zoldyq.engine import scripts
from zoldyq.engine.address import Address
from zoldyq.engine.call import Creation
from zoldyq.engine.channel import Channel
from zoldyq.engine.commands import Command
from zoldyq.engine.health import Health
from zoldyq.engine.index import NameIndex
from zoldyq.engine.keys import Keys
from zoldyq.engine.link import LinkLost, Word
from zoldyq.engine.loop import EventLoop
from zoldyq.engine.places import Offer, Place, Take
from zoldyq.engine.security import Security
from zoldyq.engine.servers import Servers
from zoldyq.engine.settings import Counters, EngineSettings
from zoldyq.engine.sweeper import Sweeper
from zoldyq.queue import now_us
from zoldyq.queue.room import not_found, shutting_down

_log = logging.getLogger("zoldyq.engine")

#: How often the index of names is compared with the queues, in seconds.
_AUDIT_SECONDS = 30.0
#: How often expiry, idleness and requests that wait too long are looked after, in seconds.
_LOOK_SECONDS = 0.5
#: What requests may hold while Redis is away, in bytes of messages; beyond that they are refused.
_MOST_HELD_BYTES = 64 << 20
#: How long a channel that nobody uses is kept, in seconds.
_CHANNEL_SECONDS = 60.0
_NEVER = float("inf")


class Engine:
    """Keeps queues in Redis. Construct it anywhere, then :meth:`attach` it to a loop.

    ``policy_of(name)`` says what a new queue begins with.
    """

    def __init__(
        self,
        address: Address,
        settings: EngineSettings,
        policy_of: Callable[[str], Policy],
        tls: Security | None = None,
    ) -> None:
        self.address = address
        self.settings = settings
        self.front_end = ""  # an id that no other has, from attach() on
        self.lease_ms = int(settings.lease * 1000)
        self.auto_create = settings.auto_create
        self.counters = Counters()
        self.draining = False
        self.deadline = self.scheduled = _NEVER
        self._policy_of = policy_of
        self._tls = tls
        self._channels: dict[str, Channel] = {}
        self._by_bell: dict[bytes, Channel] = {}
        self._calls = itertools.count(1)
        self._next_number = 1
        self._clock_offset_us = 0  # Redis's clock minus ours
        self._loop: EventLoop | None = None
        self._thread_id = 0
        self._servers: Servers | None = None
        self._flush_wanted: set[Channel] = set()
        self._beat_at = self._audit_at = 0.0
        self._held_bytes = 0  # of messages whose fate is not known yet
        self.health = Health(address.names)
        self.index = NameIndex(self, settings.prefix, settings.max_queues)
        self._sweeper = Sweeper(self, self.index, settings.prefix, settings.lease)

    # -- life --------------------------------------------------------------------------------

    def attach(self, loop: EventLoop) -> None:
        """Begin to work on a loop. Called once, from any thread."""
        # Here, and not before: a server may fork between construction and this.
        self.front_end = secrets.token_hex(8)
        self._loop = loop
        loop.post(partial(self._begin, loop))

    def _begin(self, loop: EventLoop) -> None:
        self._thread_id = threading.get_ident()
        self._servers = Servers(
            loop,
            self.address,
            self.health,
            self.settings.patience,
            tls=self._tls,
            on_ready=self._ring_all,
            on_ring=self._ring,
            on_moved=self._ring_waiting,
            on_reconnect=self._count_reconnect,
            count_retry=self._count_retry,
        )
        loop.before_sleep(self._flush, lambda: not self.settled)
        self._servers.look()
        self._beat_at = loop.now + self.settings.lease / 3
        self._audit_at = loop.now + _AUDIT_SECONDS
        self._schedule(loop)

    @property
    def up(self) -> bool:
        """Whether every server that keeps queues answers, as far as is known."""
        return self._servers is not None and self.health.down_since is None

    @property
    def nodes(self) -> list[str]:
        """The servers that keep queues, or those that know them; without passwords."""
        return self.address.names if self._servers is None else self._servers.nodes

    @property
    def well_for(self) -> float:
        """For how many seconds every answer has come in time."""
        return 0.0 if self.health.down_since is not None else self._now - self.health.well_since

    def drain(self) -> None:
        """Take no more enqueues and let nobody wait."""
        self.draining = True
        self.post(self._end_waits)

    def close(self) -> None:
        """End all connections."""
        self.post(self._close)

    @property
    def settled(self) -> bool:
        """Whether no call, return or confirmation is under way."""
        return self._servers is None or (self._servers.settled and not self._unsettled())

    def _unsettled(self) -> bool:
        return not all(channel.idle for channel in list(self._channels.values()))

    # -- for the queues, from any thread -------------------------------------------------------

    def post(self, call: Callable[[], None]) -> None:
        """Have ``call()`` made by the loop's thread; at once if this is it."""
        if threading.get_ident() == self._thread_id:
            call()
        elif self._loop is not None:
            self._loop.post(call)

    def submit(self, name: str, place: Place) -> None:
        """Have an operation go with the queue's next call."""
        self.post(partial(self._submit, name, place))

    def leave(self, place: Take | Offer, expired: bool) -> None:
        """Have an operation end; its owner is woken once it has."""
        self.post(partial(self._leave, place, expired))

    def put_back(self, name: str, numbers: Sequence[int], messages: Sequence[bytes]) -> None:
        """Return messages to the head of their queue."""
        self.post(partial(self._put_back, name, numbers, messages))

    def ask(
        self,
        name: str,
        script: scripts.Script,
        arguments: Sequence[str | bytes | int],
        on_reply: Callable[[Any], None],
        *,
        other: str | None = None,
    ) -> None:
        """Run one of a queue's other scripts. ``other`` is a second queue that it is about."""
        self.post(partial(self._ask, name, script, arguments, on_reply, other))

    def ask_key(
        self,
        key: str,
        words: Sequence[Word],
        on_reply: Callable[[Any], None],
        script: scripts.Script | None = None,
    ) -> None:
        """Send a command about a key."""
        self.post(partial(self._send, Command(key, words, on_reply, script)))

    def now_us(self, at: int | None = None) -> int:
        """Return a time by Redis's clock, in microseconds since the epoch: now, or our ``at``."""
        return (now_us() if at is None else at) + self._clock_offset_us

    # -- what a channel needs ------------------------------------------------------------------

    def run(
        self,
        script: scripts.Script,
        keys: Sequence[str],
        arguments: Sequence[bytes],
        on_reply: Callable[[Any], None],
        *,
        subscribe: str = "",
        replicated: bool = False,
    ) -> None:
        """Run a call until it has a reply, or an error that repeating cannot cure."""
        began = self._now
        self.counters.calls += 1

        def timed(reply: Any) -> None:
            self.counters.call_seconds += self._now - began
            on_reply(reply)

        words: list[Word] = ["EVALSHA", script.digest, len(keys), *keys, *arguments]
        command = Command(keys[0], words, timed, script, subscribe, replicated)
        self._send(command)

    def confirm(self, keys: Keys, number: int, on_reply: Callable[[Any], None]) -> None:
        """Confirm the reply to a call; the reply is 0 if another has taken it back."""
        words: list[Word] = ["EVALSHA", scripts.CONFIRM.digest, 2, keys.known, keys.reply]
        words += [self.front_end, number]
        self._send(Command(keys.known, words, on_reply, scripts.CONFIRM))

    def reserve(self, name: str, on_done: Callable[[Creation | ZoldyQError], None]) -> None:
        """Put a name into the index, so that its queue may be created on demand."""
        if not self.auto_create:
            on_done(not_found(name, on_demand=False))
            return

        def reserved(outcome: str | ZoldyQError) -> None:
            if isinstance(outcome, str):
                on_done(Creation.of(self._policy_of(name), outcome))
            else:
                on_done(outcome)

        self.index.reserve(name, reserved)

    def refusal(self, error: Exception) -> ZoldyQError:
        """Return what a client is told of an error that repeating cannot cure."""
        if str(error)[:3] == "OOM":
            self.health.out_of_memory()
            return MemoryLimit("the backend has no memory left: consume some, or give it more")
        if isinstance(error, LinkLost):
            return self._away()
        _log.error("the backend refuses to work: %s", error)
        return BackendError(f"the backend refuses to work ({error}): the log has the rest")

    def next_call(self) -> int:
        """Return a number for a call, higher than any before."""
        return next(self._calls)

    def note_time(self, redis_us: int, sent_us: int) -> None:
        """Take note of Redis's clock, as it was between our ``sent_us`` and now."""
        at_least, at_most = redis_us - now_us(), redis_us - sent_us
        self._clock_offset_us = min(max(self._clock_offset_us, at_least), at_most)

    def count_dropped(self, count: int) -> None:
        """Count messages that could not go back, because their queue is gone."""
        self.counters.deleted += count

    def count_rejoined(self, count: int) -> None:
        """Count places that had to be taken anew."""
        self.counters.rejoined += count

    def count_reaped(self, count: int) -> None:
        """Count messages that were taken back from the dead."""
        self.counters.reaped += count

    def reap(self, name: str, front_ends: Sequence[str]) -> None:
        """Take back what front ends that seem to be dead were given."""
        self._sweeper.reap(name, front_ends)

    def next_numbers(self, count: int) -> range:
        """Return numbers for messages that arrive, growing."""
        first = self._next_number
        self._next_number += count
        return range(first, first + count)

    # -- on the loop's thread ------------------------------------------------------------------

    @property
    def _now(self) -> float:
        return self._loop.now if self._loop is not None else 0.0

    def _send(self, command: Command) -> None:
        if self._servers is not None:
            self._servers.send(command)

    def _channel(self, name: str) -> Channel:
        channel = self._channels.get(name)
        if channel is None:
            keys = Keys(self.settings.prefix, name, self.front_end)
            channel = self._channels[name] = Channel(self, name, keys)
            self._by_bell[keys.channel.encode()] = channel
        return channel

    def _submit(self, name: str, place: Place) -> None:
        refusal = self._refusal_of(name, place) if isinstance(place, Offer) else None
        if refusal is not None:
            place.error = refusal
            place.settled = True
            place.wake()
            return
        if self.draining:
            place.waits = False
        self.counters.operations += 1
        place.began = self._now
        channel = self._channel(name)
        place.channel = channel
        channel.add(place)
        self._flush_wanted.add(channel)

    def _refusal_of(self, name: str, offer: Offer) -> ZoldyQError | None:
        """Return why messages are not even sent."""
        if self.draining:
            return shutting_down()
        if self.health.down_since is None or self._held_bytes + offer.charge <= _MOST_HELD_BYTES:
            return None
        key = Keys(self.settings.prefix, name, self.front_end).known
        if self._servers is not None and self._servers.reaches(key):
            return None  # it is another server that is away
        away = self._away()
        return BackendUnavailable(away.message, **away.details, queued=False)

    def hold(self, charge: int) -> None:
        """Take note of messages whose fate is not known yet; a charge below 0 ends that."""
        self._held_bytes += charge

    def _away(self) -> BackendUnavailable:
        return BackendUnavailable(
            "the backend does not answer: send again later", backend=", ".join(self.address.names)
        )

    def _leave(self, place: Take | Offer, expired: bool) -> None:
        channel = place.channel
        if channel is not None:
            channel.leave(place, expired, self._now)
            self._flush_wanted.add(channel)

    def _put_back(self, name: str, numbers: Sequence[int], messages: Sequence[bytes]) -> None:
        channel = self._channel(name)
        channel.put_back(numbers, messages)
        self._flush_wanted.add(channel)

    def _ask(
        self,
        name: str,
        script: scripts.Script,
        arguments: Sequence[str | bytes | int],
        on_reply: Callable[[Any], None],
        other: str | None = None,
    ) -> None:
        keys = Keys(self.settings.prefix, name, self.front_end).of_call
        if other is not None:
            keys = (*keys, *Keys(self.settings.prefix, other, self.front_end).of_queue)
        words: list[Word] = ["EVALSHA", script.digest, len(keys), *keys, *arguments]
        self._send(Command(keys[0], words, on_reply, script))

    def _flush(self) -> None:
        """Send what came up in this turn of the loop."""
        if self._flush_wanted:
            wanted, self._flush_wanted = self._flush_wanted, set()
            for channel in wanted:
                channel.flush()
        if self._servers is not None:
            self._servers.flush()

    def want_flush(self, channel: Channel) -> None:
        """Have a channel looked at once more in this turn."""
        self._flush_wanted.add(channel)

    # -- what happens ------------------------------------------------------------------------

    def _ring_all(self) -> None:
        """React to a new connection: what was rung meanwhile is found by the next calls."""
        for channel in self._channels.values():
            if channel.places:
                channel.ring(b"")
                self._flush_wanted.add(channel)

    def _ring(self, bell: bytes, text: bytes) -> None:
        channel = self._by_bell.get(bell)
        if channel is not None:
            channel.ring(text)
            self._flush_wanted.add(channel)

    def _ring_waiting(self, bell: bytes) -> None:
        """React to the end of a subscription: the next call subscribes at another server."""
        channel = self._by_bell.get(bell)
        if channel is not None and channel.places:
            self._ring(bell, b"")

    def _count_reconnect(self) -> None:
        self.counters.reconnects += 1

    def _count_retry(self, reason: str) -> None:
        self.counters.retries[reason] = self.counters.retries.get(reason, 0) + 1

    # -- time --------------------------------------------------------------------------------------

    def on_deadline(self) -> None:
        """Do what time asks for: beats, the audit, expiry, requests that have waited too long."""
        loop = self._loop
        if loop is None:
            return
        now = loop.now
        if now >= self._beat_at:
            self._beat_at = now + self.settings.lease / 3
            for channel in self._channels.values():
                if channel.places:
                    channel.beat()
                    self._flush_wanted.add(channel)
        if now >= self._audit_at:
            self._audit_at = now + _AUDIT_SECONDS
            used = {name: each.generation for name, each in self._channels.items()}
            self.index.audit({name: generation for name, generation in used.items() if generation})
        self._look_after_servers(now)
        self._forget_idle_channels()
        self._schedule(loop)

    def _schedule(self, loop: EventLoop) -> None:
        self.deadline = loop.now + min(_LOOK_SECONDS, self.settings.lease / 6)
        loop.schedule(self)

    def _look_after_servers(self, now: float) -> None:
        """Learn what is away, end what has waited too long for it, and sweep while all is well."""
        if self._servers is not None:
            self._servers.look()
        if self.health.down_since is None:
            self._sweeper.sweep()
            return
        for channel in list(self._channels.values()):
            channel.fail_older_than(now - self.settings.grace, self._away())

    def _forget_idle_channels(self) -> None:
        for name, channel in list(self._channels.items()):
            if channel.idle and channel.unused_since(self._now) > _CHANNEL_SECONDS:
                del self._channels[name]
                self._by_bell.pop(channel.keys.channel.encode(), None)
                self._ask(name, scripts.RETIRE, [self.front_end], _ignore)

    def _end_waits(self) -> None:
        if self._servers is not None:
            self._servers.silent = True
        for channel in self._channels.values():
            channel.end_waits(self._now)
            self._flush_wanted.add(channel)

    def _close(self) -> None:
        if self._loop is not None:
            self._loop.forget(self)
        if self._servers is not None:
            self._servers.close()


def _ignore(_reply: Any) -> None:
    """Pass over a reply that changes nothing."""
