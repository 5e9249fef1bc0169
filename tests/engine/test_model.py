"""Any sequence of calls by three front ends does what the plain model says; see ``model.py``.

``MODEL_EXAMPLES=5000 pytest tests/engine/test_model.py`` looks for longer.
"""

from __future__ import annotations

import itertools
import os
import time
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.engine import front_end
from tests.engine.front_end import FrontEnd, Reply
from tests.engine.model import WAITS, Message, Model, Offer, Take, Wishes
from tests.engine.servers import RedisConnection, RedisServer, needs_redis
from zoldyq.engine import scripts

pytestmark = needs_redis

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "100"))
A_LOT = 1 << 20
#: Long before now and long after it, in microseconds since the epoch.
PAST = 1_000_000
FUTURE = time.time_ns() // 1000 + 10**12

who = st.sampled_from(["A", "B", "C"])
#: Messages by their lengths; those of length 0 have expired.
batches = st.lists(st.sampled_from([0, 1, 1, 2, 3, 30]), min_size=1, max_size=3)
#: An enqueue: its messages, and whether it waits for room.
offers = st.lists(st.tuples(batches, st.booleans()), max_size=3)
#: A dequeue: how many, of how many bytes, and whether it waits.
takes = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from([A_LOT, 30, 1]), st.booleans()), max_size=3
)

_names = itertools.count()


class QueueOfThree(RuleBasedStateMachine):
    """One queue in Redis beside the model of it."""

    redis: RedisConnection
    ears: tuple[RedisConnection, RedisConnection]  # those of A and B

    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count(PAST)

    @initialize(
        capacity=st.integers(1, 5),
        max_bytes=st.sampled_from([None, None, 4 * (front_end.OVERHEAD + 3)]),
        overflow=st.sampled_from(["reject", "reject", "drop_oldest"]),
    )
    def create(self, capacity: int, max_bytes: int | None, overflow: str) -> None:
        self.model = Model(capacity, max_bytes, overflow)
        name = f"m{next(_names)}"
        policy = (capacity, max_bytes or False, False, overflow, False)
        self.fronts = {
            e: FrontEnd(self.redis, e, name, lease_ms=10**9, policy=policy) for e in "ABC"
        }
        for ear, e in zip(self.ears, "AB", strict=True):
            ear("SSUBSCRIBE", self.fronts[e].bell + e)
        #: By front end: places that it believes to have, offers that wait, messages to return.
        self.places: dict[str, list[tuple[str, str]]] = {e: [] for e in "ABC"}
        self.waiting: dict[str, tuple[Message, ...]] = {}
        self.held: dict[str, list[Message]] = {e: [] for e in "ABC"}
        self.arrived: dict[str, list[Message]] = {e: [] for e in "ABC"}
        self.known: dict[bytes, Message] = {}
        self.last: dict[str, tuple[int, dict[str, Any], Reply]] = {}

    @rule(
        who=who, offers=offers, takes=takes, others=st.tuples(st.integers(0, 3), st.integers(0, 2))
    )
    def call(
        self,
        who: str,
        offers: list[tuple[list[int], bool]],
        takes: list[tuple[int, int, bool]],
        others: tuple[int, int],
    ) -> None:
        """A front end calls; ``others`` are how many messages come back, and places are left."""
        front = self.fronts[who]
        returns, leaves = others
        wishes = Wishes(create=bool(offers))
        wishes.returned = sorted(self.held[who][:returns], key=lambda message: message.at)
        del self.held[who][:returns]
        wishes.leaving = [(*place, leaves == 1) for place in self.places[who][:leaves]]
        for sizes, waits in offers:
            messages = self._messages(sizes)
            wishes.offers.append(Offer(messages, self._producer(front, messages) * waits))
        for count, most, waits in takes:
            wishes.takes.append(Take(count, most, front.token(count, most) * waits))
        self._call(who, wishes)

    @rule(who=who)
    def try_for_room(self, who: str) -> None:
        """The first producer of a front end sends its messages by its place."""
        mine = [token for line, token in self.places[who] if line == "r"]
        if mine:
            self._call(who, Wishes(offers=[Offer(self.waiting[mine[0]], "", mine[0])]))

    @rule(who=who)
    def repeat(self, who: str) -> None:
        """The last call comes once more: its reply had been lost."""
        if who not in self.last:
            return
        number, wishes, reply = self.last[who]
        again = self.fronts[who].call(number=number, **wishes)
        if again.state == b"OK":
            assert again == reply
        else:
            assert self.redis("EXISTS", self.fronts[who].keys[5]) == 0

    @rule(who=who)
    def come_late(self, who: str) -> None:
        """An older call arrives late, and changes nothing."""
        if who in self.last and self.model.exists and self.last[who][0] > 1:
            messages = [front_end.message(b"late", PAST)]
            late = self.fronts[who].call(number=1, offers=[(messages, "", "")])
            assert late.state in (b"STALE", b"OK")

    @rule(who=who)
    def confirm(self, who: str) -> None:
        front = self.fronts[who]
        text = scripts.CONFIRM.text
        got = self.redis("EVAL", text, 2, *front.keys[4:], who, front.number)
        assert got == self.model.confirm(who)
        self._arrive(who, taken_back=not got)

    @rule(who=who, by=who)
    def take_back(self, who: str, by: str) -> None:
        """A front end is found dead; whether it is, is another matter."""
        if who not in self.last:
            return
        keys = [*self.fronts[by].keys[:5], self.fronts[who].keys[5]]
        bell = self.fronts[by].bell
        if self.redis("EVAL", scripts.REAP.text, 6, *keys, who, -1000, bell) >= 0:
            if self.model.lives[who].unconfirmed is None:
                del self.last[who]  # its front end never sends it once more
            self.model.take_back(who)

    @rule(who=who)
    def lease_ends(self, who: str) -> None:
        front = self.fronts[who]
        if self.model.lives[who].leased:
            self.redis("HSET", front.keys[4], f"{who}.{front.epoch}", "1")
            self.model.lives[who].over = True

    @rule(delete=st.sampled_from([False, False, True]))
    def empty(self, delete: bool) -> None:
        front = self.fronts["A"]
        got = front.run(scripts.PURGE, "delete" if delete else "purge", front.bell)
        assert got == (self.model.delete() if delete else self.model.purge())
        if delete:
            self.redis("DEL", *(each.keys[5] for each in self.fronts.values()))
            self.last.clear()
            for each in self.fronts.values():
                self.places[each.e] = []
                each.has_places = False
                self.arrived[each.e] = []

    @invariant()
    def the_queue_is_that_of_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        front = self.fronts["A"]
        stored = self.redis("LRANGE", front.keys[1], 0, -1)
        assert [_payload(raw) for raw in stored] == [m.payload for m in self.model.messages]
        for key, line in ((2, self.model.consumers), (3, self.model.producers)):
            tokens = self.redis("ZRANGE", front.keys[key], 0, -1)
            assert [token.decode() for token in tokens] == [place.token for place in line]
        stats = front.stats()
        assert bool(stats) == self.model.exists
        if stats:
            counts = self.model.counts
            assert stats["bytes"] == self.model.bytes
            for name in ("enqueued", "put_back", "purged", "expired", "overflow_dropped"):
                assert stats[name] == counts.get(name, 0), name
            assert (stats["full"], stats["timeouts"]) == (
                counts.get("full", 0),
                counts.get("timeouts", 0),
            )

    # -- helpers -------------------------------------------------------------------------------

    def _call(self, who: str, wishes: Wishes) -> None:
        front = self.fronts[who]
        front.has_places = bool(self.places[who])
        arguments: dict[str, Any] = {
            "create": wishes.create,
            "returned": [_raw(message) for message in reversed(wishes.returned)],
            "leaving": wishes.leaving,
            "offers": [(list(map(_raw, o.messages)), o.place, o.waited) for o in wishes.offers],
            "takes": [[t.count, t.max_bytes, t.place] for t in wishes.takes],
        }
        expected = self.model.call(who, wishes, has_places=front.has_places)
        reply = front.call(**arguments)
        self.last[who] = (front.number, arguments, reply)
        served = [each.decode() if isinstance(each, bytes) else each for each in reply.served]
        assert reply.offered == expected.offered
        assert reply.left == expected.left
        assert served == expected.served
        assert reply.taken == expected.taken
        assert reply.payloads == expected.payloads
        assert bool(reply.places_void) == expected.places_void
        assert reply.kept == expected.kept
        assert reply.my_turn.decode() == expected.my_turn
        last = str(front.number - 1).encode()
        assert (last in reply.taken_back.split(b",")) == expected.taken_back
        self._arrive(who, taken_back=expected.taken_back)
        self.arrived[who] = [self.known[payload] for payload in reply.payloads]
        self._note_places(who, wishes, reply, set(served[::2]))

    def _note_places(self, who: str, wishes: Wishes, reply: Reply, gone: set[str | int]) -> None:
        """Keep what a front end knows of its places."""
        gone = gone.union(token for _, token, _ in wishes.leaving)
        places = self.places[who]
        self.fronts[who].epoch += bool(reply.places_void)
        for offer, outcome in zip(wishes.offers, reply.offered, strict=True):
            if outcome[0] != WAITS and offer.waited:
                gone.add(offer.waited)
            if outcome[0] == WAITS and offer.place:
                self.waiting[offer.place] = offer.messages
                places = [*places, ("r", offer.place)]
        for take, got in zip(wishes.takes, reply.taken, strict=True):
            if take.place and not got:
                places = [*places, ("w", take.place)]
        self.places[who] = [each for each in places if each[1] not in gone]
        if reply.places_void:
            self.places[who] = []

    def _arrive(self, who: str, *, taken_back: bool) -> None:
        """What had come may be handed out now, or put back later; unless it was taken back."""
        if not taken_back:
            self.held[who] += self.arrived[who]
        self.arrived[who] = []

    def _messages(self, sizes: list[int]) -> tuple[Message, ...]:
        made = []
        own = 0 in sizes or sum(sizes) % 2 == 0
        for size in sizes:
            at = next(self.numbers)
            message = Message(b"%d" % at + b"x" * size, at, expired=not size, own_life=own)
            self.known[message.payload] = message
            made.append(message)
        return tuple(made)

    def _producer(self, front: FrontEnd, messages: tuple[Message, ...]) -> str:
        return front.token(len(messages), sum(message.cost for message in messages))


def _raw(message: Message) -> bytes:
    expires = PAST if message.expired else FUTURE if message.own_life else None
    return front_end.message(message.payload, message.at, expires)


def _payload(raw: bytes) -> bytes:
    return raw[16 if raw[0] & 128 else 8 :]


def test_any_sequence_of_calls_does_what_the_model_says(
    redis: RedisConnection, redis_server: RedisServer
) -> None:
    class Machine(QueueOfThree):
        pass

    with redis_server.connect() as a, redis_server.connect() as b:
        Machine.redis, Machine.ears = redis, (a, b)
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=30,
                deadline=None,
                phases=tuple(Phase),
                suppress_health_check=list(HealthCheck),
            ),
        )
