"""The queues in Redis as a server uses them, from any thread: the protocol of zoldyq.queue.

``begin_enqueue`` and ``begin_dequeue`` never wait for Redis: they always return a place. What
administration asks for waits for the answer, so it is not for an event loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from zoldyq.contract.errors import (
    BackendUnavailable,
    MoveUnsupported,
    QueueNotFound,
    ZoldyQError,
)
from zoldyq.contract.policy import Policy, check_fields
from zoldyq.contract.statistics import QueueStats
from zoldyq.engine import scripts
from zoldyq.engine.call import pack_message, unpack_message
from zoldyq.engine.engine import Engine
from zoldyq.engine.figures import policy_of, stats_of, word_of, words_of
from zoldyq.engine.places import Offer, Take
from zoldyq.queue import Delivery, Moved, PolicyChange, Wake
from zoldyq.queue.room import not_found, queue_exists, shutting_down

#: A bound on bytes that is none.
_NO_BOUND = 1 << 62
#: Messages at the head of a queue that a look at its statistics counts out if they have expired.
_STALE = 1_000
#: Queues that are looked at together.
_AT_ONCE = 100
#: Messages that one script moves: about 5 ms of work.
_MOVED_AT_ONCE = 2_000


class EngineQueues:
    """All queues of a Redis server, shared with every other front end.

    ``policy_of(name)`` says what a new queue begins with.
    """

    def __init__(self, engine: Engine, policy_of: Callable[[str], Policy]) -> None:
        self.engine = engine
        self._policy_of = policy_of
        self._bytes_seen = 0  # charged for all queues at the last look at all of them

    # -- producers and consumers -----------------------------------------------------------------

    def begin_enqueue(
        self,
        name: str,
        payloads: Sequence[bytes],
        at: int | None = None,
        *,
        wake: Wake,
        ttl: int | None = None,
        waits: bool = False,
    ) -> Offer:
        """Send messages on their way; ``wake`` is called once it is known how that went.

        ``at`` is by the clock of this machine. With ``waits`` the messages stand in line where
        there is no room.
        """
        offer = Offer(self.engine, payloads, self.engine.now_us(at), ttl, wake, waits=waits)
        self.engine.submit(name, offer)
        return offer

    def begin_dequeue(
        self,
        name: str,
        count: int,
        max_bytes: int,
        *,
        wake: Wake,
        in_line: int | None = None,
        waits: bool = False,
    ) -> Take:
        """Ask for messages; ``wake`` is called once they are here, or there are none.

        With ``waits`` it stands in line, for ``in_line`` messages, where there is none.
        """
        take = Take(self.engine, count, max_bytes, wake, waits=waits, in_line=in_line)
        self.engine.submit(name, take)
        return take

    def put_back(self, name: str, back: Delivery) -> None:
        """Return undelivered messages to the head of their queue; never waits."""
        self.engine.put_back(name, back.numbers, list(map(pack_message, back.messages)))

    # -- administration ---------------------------------------------------------------------------

    def peek(self, name: str, count: int = 1, max_bytes: int | None = None) -> Delivery:
        """Look at the oldest messages. Raises QueueNotFound, BackendUnavailable, BackendError."""
        bound = _NO_BOUND if max_bytes is None else max_bytes
        reply = self._ask(name, scripts.PEEK, [count, bound])
        if reply[0] == -1:
            raise self._not_found(name)
        return Delivery([unpack_message(raw) for raw in reply[1]], reply[0])

    def check_may_wait(self, name: str) -> None:
        """Raise QueueNotFound if a consumer that waits on this name would be refused."""
        if not self.engine.auto_create:
            self.stats(name)

    def purge(self, name: str) -> int:
        """Drop the queue's messages; tell how many. Raises as :meth:`peek`."""
        dropped: int = self._ask(name, scripts.PURGE, ["purge", self._bell(name)])
        if dropped < 0:
            raise self._not_found(name)
        return dropped

    def move(self, name: str, to: str, count: int | None = None) -> Moved:
        """Move messages to the end of another queue: :meth:`QueueManager.move`.

        Each step is one script, so Redis never shows a message in neither queue.

        Raises:
            MoveUnsupported: the queues are in a Cluster, where one script reaches one queue.
        """
        if self.engine.draining:
            raise shutting_down()
        if self.engine.address.kind == "cluster":
            raise MoveUnsupported(
                "the queues of a Redis Cluster lie on different servers, so no message can be "
                "moved at once: take it with dequeue and enqueue it there"
            )
        left = self.stats(name).size
        asked = left if count is None else min(count, left)
        moved = 0
        while moved < asked:
            step, left = self._move_some(name, to, min(asked - moved, _MOVED_AT_ONCE))
            moved += step
            if not step:
                break
        return Moved(moved, left)

    def create(self, name: str, /, **given: object) -> PolicyChange:
        """Create a queue: :meth:`QueueManager.create`. Raises as :meth:`peek`, too."""
        fields = check_fields(given)
        if self.engine.draining:
            raise shutting_down()
        policy = self._policy_of(name).changed(fields)
        found = self._ask(name, scripts.STATS, [0])
        if not found:
            words = [self._reserve(name), *words_of(policy)]
            created, have = self._ask(name, scripts.CREATE, words)
            if created:
                return PolicyChange(True, policy)
        present = policy_of(found[0][1:6] if found else have)
        differs = [
            field
            for field, value in fields.items()
            if word_of(field, value) != word_of(field, getattr(present, field))
        ]
        if differs:
            raise queue_exists(name, present, differs)
        return PolicyChange(False, present)

    def update(self, name: str, /, **given: object) -> PolicyChange:
        """Change fields of a queue's policy at once. Raises as :meth:`peek`."""
        words: list[str] = [self._bell(name)]
        for field, value in check_fields(given).items():
            words += word_of(field, value)
        reply = self._ask(name, scripts.UPDATE, words)
        if reply[0] == -1:
            raise self._not_found(name)
        return PolicyChange(bool(reply[0]), policy_of(reply[2]))

    def delete(self, name: str) -> int:
        """Delete a queue, ending its waiters; tell how many messages it held. As :meth:`peek`."""
        reply = self._ask(name, scripts.STATS, [0])
        dropped: int = self._ask(name, scripts.PURGE, ["delete", self._bell(name)]) if reply else -1
        if dropped < 0:
            raise self._not_found(name)
        generation = reply[0][0]
        self.engine.post(lambda: self.engine.index.remove(name, generation))
        self.engine.post(lambda: self.engine.count_dropped(dropped))
        return dropped

    def stats(self, name: str) -> QueueStats:
        """Return one queue's statistics. Raises as :meth:`peek`."""
        reply = self._ask(name, scripts.STATS, [_STALE])
        if not reply:
            raise self._not_found(name)
        return stats_of(reply, self.engine.now_us())

    def all_stats(self) -> Iterator[tuple[str, QueueStats]]:
        """Yield name and statistics of every queue, ordered by name. Raises as :meth:`peek`."""
        names = sorted(self.names())
        held = 0
        for begin in range(0, len(names), _AT_ONCE):
            part = names[begin : begin + _AT_ONCE]
            replies = self._wait([self._question(name, scripts.STATS, [_STALE]) for name in part])
            for name, reply in zip(part, replies, strict=True):
                if reply:  # else it is gone, or is being created
                    stats = stats_of(reply, self.engine.now_us())
                    held += stats.bytes
                    yield name, stats
        self._bytes_seen = held

    def names(self) -> list[str]:
        """Return the names of all queues, in any order. Raises as :meth:`peek`."""
        index: Sequence[bytes] = self._wait([self._names])[0]
        return [bytes(name).decode() for name in index]

    # -- the life of this front end ---------------------------------------------------------------

    def keep_house(self) -> None:
        """Do nothing: the engine looks after the queues itself."""

    def drain(self) -> None:
        """Refuse new messages and let nobody wait; what is queued stays for other front ends."""
        self.engine.drain()

    def close(self) -> Mapping[str, int]:
        """End all connections; return that nothing was dropped. The event loop still has to run."""
        self.engine.close()
        return {}

    @property
    def pending(self) -> int:
        """What keeps a stop waiting: calls, returns and confirmations without an answer."""
        return 0 if self.engine.settled else 1

    @property
    def dropped(self) -> Mapping[str, int]:
        """Messages that this front end deleted with their queues, or could not return."""
        return {"deleted": self.engine.counters.deleted, "shutdown": 0}

    @property
    def draining(self) -> bool:
        """Whether new messages are refused because the server is stopping."""
        return self.engine.draining

    @property
    def up(self) -> bool:
        """Whether Redis answers."""
        return self.engine.up

    @property
    def away(self) -> bool:
        """Whether Redis has not answered for a second."""
        return self.engine.health.away

    @property
    def nodes(self) -> Sequence[str]:
        """The servers, without passwords."""
        return self.engine.nodes

    @property
    def memory_full(self) -> bool:
        """Whether Redis has just said that it has no memory left."""
        return self.engine.health.memory_full

    @property
    def bytes_held(self) -> int:
        """Bytes that were charged for the messages in all queues at the last look at all."""
        return self._bytes_seen

    def take_peak_bytes(self) -> int:
        """Return 0: the messages are not in this process."""
        return 0

    # -- helpers ----------------------------------------------------------------------------------

    def _bell(self, name: str) -> str:
        return f"{self.engine.settings.prefix}:{{{name}}}:c:"

    def _names(self, on_reply: Callable[[Any], None]) -> None:
        self.engine.post(lambda: self.engine.index.names(on_reply))

    def _reserve(self, name: str) -> str:
        outcome: str | ZoldyQError = self._wait(
            [lambda on_reply: self.engine.post(lambda: self.engine.index.reserve(name, on_reply))]
        )[0]
        if isinstance(outcome, ZoldyQError):
            raise outcome
        return outcome

    def _question(
        self, name: str, script: scripts.Script, arguments: Sequence[str | bytes | int]
    ) -> Callable[[Callable[[Any], None]], None]:
        return lambda on_reply: self.engine.ask(name, script, arguments, on_reply)

    def _ask(
        self, name: str, script: scripts.Script, arguments: Sequence[str | bytes | int]
    ) -> Any:
        return self._wait([self._question(name, script, arguments)])[0]

    def _move_some(self, name: str, to: str, count: int) -> tuple[int, int]:
        """Move messages in one go; return how many, and how many are left."""
        words: list[str | bytes | int] = [count, self._bell(name), self._bell(to)]
        while True:
            reply: list[int] = self._wait(
                [lambda on_reply: self.engine.ask(name, scripts.MOVE, words, on_reply, other=to)]
            )[0]
            if reply[0] == -1:
                raise self._not_found(name)
            if reply[0] >= 0:
                return reply[0], reply[1]
            if not self.engine.auto_create:
                raise self._not_found(to)
            self.create(to)

    def _wait(self, questions: Sequence[Callable[[Callable[[Any], None]], None]]) -> list[Any]:
        """Wait for the answers to questions, for as long as requests wait for Redis."""
        done = threading.Event()
        replies: dict[int, Any] = {}

        def take(number: int) -> Callable[[Any], None]:
            def on_reply(reply: Any) -> None:
                replies[number] = reply
                if len(replies) == len(questions):
                    done.set()

            return on_reply

        if self.away:
            raise self._no_answer()
        for number, ask in enumerate(questions):
            ask(take(number))
        if not done.wait(self.engine.settings.grace):
            raise self._no_answer()
        for reply in replies.values():
            if isinstance(reply, Exception) and not isinstance(reply, ZoldyQError):
                raise self.engine.refusal(reply)
        return [replies[number] for number in range(len(questions))]

    def _not_found(self, name: str) -> QueueNotFound:
        return not_found(name, on_demand=self.engine.auto_create)

    def _no_answer(self) -> BackendUnavailable:
        return BackendUnavailable("the backend does not answer: send again later")
