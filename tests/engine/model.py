"""What the scripts of a queue have to do, in plain Python, without Redis and without time.

Three front ends share one queue. ``A`` and ``B`` hear when they are rung, ``C`` does not: a ring
for it tells that it is dead. A lease is over when a test says so. Messages have expired or never
do.
"""

from __future__ import annotations

import msgspec

OVERHEAD = 96
#: Owns the places that a front end has given up because they were void.
NOBODY = "nobody"
NO_QUEUE, ACCEPTED, FULL, WAITS, TOO_MANY, TOO_LARGE = range(6)


class Message(msgspec.Struct, frozen=True):
    """A message by its payload; ``at`` orders messages that come back."""

    payload: bytes
    at: int
    expired: bool = False
    own_life: bool = False  # the same for all messages of an enqueue

    @property
    def cost(self) -> int:
        """The bytes that it is charged."""
        return len(self.payload) + OVERHEAD


class Place(msgspec.Struct):
    """A place in one of the two lines."""

    token: str
    owner: str
    count: int = 1  # the most that a consumer takes
    max_bytes: int = 1 << 20
    messages: tuple[Message, ...] = ()  # of a producer


class Life(msgspec.Struct):
    """What is known of a front end."""

    hears: bool
    leased: bool = False  # whether its lease is written down
    over: bool = False  # whether that has ended
    void: bool = False  # whether somebody has called its places void
    unconfirmed: tuple[Message, ...] | None = None
    taken_back: bool = False


class Offer(msgspec.Struct):
    """An enqueue; ``place`` is a token to wait with, ``waited`` one that it waited with."""

    messages: tuple[Message, ...]
    place: str = ""
    waited: str = ""


class Take(msgspec.Struct):
    """A dequeue; ``place`` is a token to wait with."""

    count: int
    max_bytes: int
    place: str = ""


class Wishes(msgspec.Struct):
    """What a call asks for. Those in ``leaving`` are lines, tokens and whether time was up."""

    create: bool = False
    returned: list[Message] = []
    leaving: list[tuple[str, str, bool]] = []
    offers: list[Offer] = []
    takes: list[Take] = []


class Answer(msgspec.Struct):
    """What a call has to answer."""

    offered: list[list[int]] = []
    left: list[int] = []
    served: list[str | int] = []
    taken: list[int] = []
    payloads: list[bytes] = []
    places_void: bool = False
    kept: int = 0
    my_turn: str = ""
    taken_back: bool = False


class Model:
    """One queue. ``max_bytes`` of None is no bound."""

    def __init__(self, capacity: int, max_bytes: int | None, overflow: str) -> None:
        self.capacity = capacity
        self.max_bytes = max_bytes
        self.drops = overflow == "drop_oldest"
        self.exists = False
        self.messages: list[Message] = []
        self.consumers: list[Place] = []
        self.producers: list[Place] = []
        self.lives = {"A": Life(True), "B": Life(True), "C": Life(False)}
        self.counts: dict[str, int] = {}
        self._called = ""  # who makes the call
        self._rung: set[str] = set()
        self._added = self._joined = False
        self._may_join = True

    @property
    def bytes(self) -> int:
        """What all messages are charged."""
        return sum(message.cost for message in self.messages)

    def count(self, what: str, by: int = 1) -> None:
        """Count something that statistics tell, if there is a queue."""
        if not self.exists:
            return
        self.counts[what] = self.counts.get(what, 0) + by

    # -- a call, in its order --------------------------------------------------------------------

    def call(self, who: str, wishes: Wishes, *, has_places: bool) -> Answer:
        """Do what one call asks for."""
        answer = Answer()
        life = self.lives[who]
        self._called, self._rung, self._added = who, set(), False
        self._joined, self._may_join = False, True
        answer.taken_back, life.taken_back = life.taken_back, False
        self.exists = self.exists or wishes.create
        self._expire()
        answer.kept = self._return(wishes.returned)
        answer.left = [self._leave(*place) for place in wishes.leaving]
        if has_places and (life.void or not life.leased):
            answer.places_void = True
            self._may_join = False
            life.leased = life.void = life.over = False
        answer.offered = [self._offer(who, offer) for offer in wishes.offers]
        given = self._serve(who, wishes.takes, answer)
        answer.payloads = [message.payload for message in given]
        answer.my_turn = self._turn(who)
        if self._joined or (has_places and not answer.places_void):
            life.leased, life.over = True, False
        life.unconfirmed = tuple(given)
        if answer.places_void:
            for place in [*self.consumers, *self.producers]:
                if place.owner == who:
                    place.owner = NOBODY
        return answer

    def _expire(self) -> None:
        while self.messages and self.messages[0].expired:
            del self.messages[0]
            self.count("expired")

    def _return(self, returned: list[Message]) -> int:
        """Put messages back where they were: behind what is older at the head."""
        if not (self.exists and returned):
            return 0
        back = [message for message in returned if not message.expired]
        self.count("put_back", len(returned))
        self.count("expired", len(returned) - len(back))
        if back:
            self._added = True
            at = 0
            while at < len(self.messages) and self.messages[at].at < back[0].at:
                at += 1
            self.messages[at:at] = back
        return len(returned)

    def _leave(self, line: str, token: str, expired: bool) -> int:
        places = self.consumers if line == "w" else self.producers
        found = [place for place in places if place.token == token]
        for place in found:
            places.remove(place)
            if expired:
                self.count("timeouts" if line == "w" else "full")
        return len(found)

    def _holds(self, owner: str, ring: bool) -> bool:
        """Whether the places of a front end hold; a ring that nobody hears ends that."""
        if owner == self._called:
            return True
        if owner == NOBODY:
            return False
        life = self.lives[owner]
        good = life.leased and not life.over and not life.void
        if good and ring and owner not in self._rung:
            self._rung.add(owner)
            good = life.hears
        if life.leased and not good:
            life.void = True
        return good

    def _stand(self, line: list[Place], place: Place) -> None:
        """Stand in line; a front end whose places are void takes all of them anew, later."""
        if self._may_join:
            line.append(place)
            self._joined = True

    def _first_producer(self) -> Place | None:
        while self.producers and not self._holds(self.producers[0].owner, False):
            del self.producers[0]
        return self.producers[0] if self.producers else None

    def _fits(self, messages: tuple[Message, ...]) -> bool:
        size = sum(message.cost for message in messages)
        return len(self.messages) + len(messages) <= self.capacity and (
            self.max_bytes is None or self.bytes + size <= self.max_bytes
        )

    def _offer(self, who: str, offer: Offer) -> list[int]:
        size = sum(message.cost for message in offer.messages)
        if not self.exists:
            return [NO_QUEUE, 0, 0]
        if len(offer.messages) > self.capacity:
            return [TOO_MANY, len(self.messages), 0]
        if self.max_bytes is not None and size > self.max_bytes:
            return [TOO_LARGE, len(self.messages), 0]
        return self._try(who, offer)

    def _try(self, who: str, offer: Offer) -> list[int]:
        if not self._fits(offer.messages):
            self._expire()
        first = self._first_producer()
        my_turn = first is None or first.token == offer.waited
        if my_turn and (self.drops or self._fits(offer.messages)):
            dropped = 0
            while not self._fits(offer.messages):
                del self.messages[0]
                dropped += 1
            self.count("overflow_dropped", dropped)
            self.producers = [each for each in self.producers if each.token != offer.waited]
            self.messages += offer.messages
            self.count("enqueued", len(offer.messages))
            self._added = True
            return [ACCEPTED, max(len(self.messages) - len(self.consumers), 0), dropped]
        if offer.waited:
            return [WAITS, len(self.messages), 0]
        if offer.place:
            self._stand(self.producers, Place(offer.place, who, messages=offer.messages))
            return [WAITS, len(self.messages), 0]
        self.count("full")
        return [FULL, len(self.messages), len(self.producers)]

    def _serve(self, who: str, takes: list[Take], answer: Answer) -> list[Message]:
        """Give messages to own places in line and to newcomers; others' rights stay."""
        size = len(self.messages)
        claims: list[tuple[Place, int, int]] = []  # the place, its share, places of others ahead
        planned = ahead = 0
        for place in list(self.consumers):
            if planned + ahead >= size:
                break
            if place.owner == who:
                share = min(place.count, size - planned - ahead)
                claims.append((place, share, ahead))
                planned += share
            elif self._holds(place.owner, self._added):
                ahead += 1
            else:
                self.consumers.remove(place)
        others = len(self.consumers) - len(claims)
        spare = size - planned - others
        given: list[Message] = []
        served = [
            (place, self._give(share, place.max_bytes, reserved, given))
            for place, share, reserved in claims
        ]
        for place, got in served:
            if got:
                self.consumers.remove(place)
                answer.served += [place.token, got]
        for take in takes:
            share = max(min(take.count, spare), 0)
            spare -= share
            got = self._give(share, take.max_bytes, others, given)
            answer.taken.append(got)
            if not got and take.place:
                self._stand(self.consumers, Place(take.place, who, take.count, take.max_bytes))
            elif not got:
                self.count("timeouts")
        return given

    def _give(self, share: int, max_bytes: int, reserved: int, given: list[Message]) -> int:
        got = total = 0
        while got < share:
            while len(self.messages) > reserved and self.messages[0].expired:
                del self.messages[0]
                self.count("expired")
            if len(self.messages) <= reserved:
                break
            total += len(self.messages[0].payload)
            if got and total > max_bytes:
                break
            given.append(self.messages.pop(0))
            self.count("dequeued")
            got += 1
        return got

    def _turn(self, who: str) -> str:
        """Return who of ours may put its messages into the queue now, by its place."""
        if not (self.exists and self.producers):
            return ""
        first = self._first_producer()
        if first is None or not (self.drops or self._fits(first.messages)):
            return ""
        if first.owner == who:
            return first.token
        self._holds(first.owner, True)
        return ""

    # -- the other scripts -------------------------------------------------------------------------

    def confirm(self, who: str) -> int:
        """Confirm the last reply: 0 if its messages were taken back."""
        life = self.lives[who]
        if life.taken_back:
            return 0
        life.unconfirmed = None
        return 1

    def take_back(self, who: str) -> None:
        """Return what a front end has not confirmed; its places are void."""
        life = self.lives[who]
        life.leased = life.void = life.over = False
        if life.unconfirmed is None:
            life.taken_back = False
            return
        life.taken_back = True
        back = [message for message in life.unconfirmed if not message.expired]
        if self.exists:
            self.messages[:0] = back
            self.count("put_back", len(life.unconfirmed))
            self.count("expired", len(life.unconfirmed) - len(back))
        life.unconfirmed = None

    def purge(self) -> int:
        """Drop all messages."""
        if not self.exists:
            return -1
        dropped = len(self.messages)
        self.messages = []
        self.count("purged", dropped)
        return dropped

    def delete(self) -> int:
        """Delete the queue; what front ends have not confirmed stays theirs."""
        if not self.exists:
            return -1
        dropped = len(self.messages)
        self.exists = False
        self.messages, self.consumers, self.producers, self.counts = [], [], [], {}
        for life in self.lives.values():
            life.leased = life.void = life.over = life.taken_back = False
        return dropped
