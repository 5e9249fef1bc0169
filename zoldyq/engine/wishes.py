"""What is wanted of a queue and has not been sent, and how it goes into one call."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from zoldyq.engine.call import CallWords, Creation, OfferWords, TakeWords
from zoldyq.engine.host import Host
from zoldyq.engine.lines import Lines
from zoldyq.engine.places import Offer, Place, State, Take
from zoldyq.queue import now_us

#: What one call may carry: operations, and bytes of messages.
_MOST_OPERATIONS = 1_000
_MOST_BYTES = 8 << 20


class Flight(msgspec.Struct):
    """A call without a reply, and what it carries."""

    words: CallWords
    offers: Sequence[Offer]
    takes: Sequence[Take]
    leaving: Sequence[Place]
    returned: Sequence[tuple[int, bytes]]
    sent_us: int  # by our clock, when it was sent first

    @property
    def may_wait(self) -> bool:
        """Whether something of it may stand in line, or does already."""
        carried: list[Place] = [*self.takes, *self.offers]
        return self.words.has_places or any(each.waits for each in carried)


class Wishes:
    """Collects what goes with the next call; :meth:`next_call` takes it out. True if there is any.

    ``look`` says that a call is wanted although nothing is asked for, ``beat`` that it looks after
    other front ends as well, ``creation`` what to create the queue with.
    """

    def __init__(self) -> None:
        self.offers: deque[Offer] = deque()
        self.takes: deque[Take] = deque()
        self.turns: deque[Offer] = deque()  # offers that wait, and whose turn has come
        self.leaving: list[Place] = []
        self.returned: list[tuple[int, bytes]] = []  # by number, for they go back in order
        self.creation: Creation | None = None
        self.look = False
        self.beat = False

    def __bool__(self) -> bool:
        return bool(
            self.offers or self.takes or self.turns or self.leaving or self.returned or self.look
        )

    def add(self, place: Place) -> None:
        """Have an operation go, behind all others."""
        if isinstance(place, Take):
            self.takes.append(place)
        else:
            self.offers.append(place)

    def add_first(self, place: Place) -> None:
        """Have an operation go, in front of all others."""
        if isinstance(place, Take):
            self.takes.appendleft(place)
        else:
            self.offers.appendleft(place)

    def remove(self, place: Place) -> None:
        """Have an operation not go."""
        if isinstance(place, Take):
            self.takes.remove(place)
        else:
            self.offers.remove(place)

    def remove_settled(self) -> None:
        """Have no operation go whose owner knows already how it ended."""
        self.offers = deque(place for place in self.offers if not place.settled)
        self.takes = deque(place for place in self.takes if not place.settled)

    def put_back(self, numbers: Sequence[int], messages: Iterable[bytes]) -> None:
        """Have messages return to the head, each to where its number says."""
        self.returned += zip(numbers, messages, strict=True)

    def next_call(self, host: Host, lines: Lines, bell: str) -> Flight:
        """Return the next call; what it carries is wanted no more."""
        offers = self._next_offers()
        takes = [self.takes.popleft() for _ in range(min(len(self.takes), _MOST_OPERATIONS))]
        for take in takes:
            take.state = State.SENT
            take.token = lines.token(take.in_line, take.max_bytes) if take.waits else ""
        leaving, self.leaving = self.leaving, []
        returned, self.returned = self.returned, []
        returned.sort(reverse=True)  # the newest first: each goes in front of the last
        # Once only: the queue may be deleted later, and then its name has to be reserved anew.
        creation, self.creation = self.creation, None
        words = CallWords(
            epoch=lines.epoch,
            front_end=host.front_end,
            number=host.next_call(),
            lease_ms=host.lease_ms,
            bell=bell,
            beat=self.beat,
            has_places=bool(lines),
            creation=creation,
            returned=[message for _, message in returned],
            leaving=[
                ("w" if isinstance(each, Take) else "r", each.token, each.expired)
                for each in leaving
            ],
            offers=[_offer_words(offer, host, lines) for offer in offers],
            takes=[TakeWords(take.count, take.max_bytes, take.token) for take in takes],
        )
        self.look = self.beat = False
        return Flight(words, offers, takes, leaving, returned, now_us())

    def _next_offers(self) -> list[Offer]:
        """Take offers for the next call, those first whose turn in the line has come."""
        offers: list[Offer] = []
        size = 0
        for waiting in (self.turns, self.offers):
            while waiting and len(offers) < _MOST_OPERATIONS:
                size += waiting[0].charge
                if offers and size > _MOST_BYTES:
                    return offers
                offers.append(waiting.popleft())
        return offers


def _offer_words(offer: Offer, host: Host, lines: Lines) -> OfferWords:
    waited_with = offer.token if offer.state is State.WAITING else ""
    offer.sent = True
    if waited_with:
        offer.stamp(host.now_us())
        return OfferWords(offer.messages, offer.charge, "", waited_with)
    offer.state = State.SENT
    if offer.waits and not offer.token:
        offer.token = lines.token(len(offer.messages), offer.charge)
    return OfferWords(offer.messages, offer.charge, offer.token if offer.waits else "", "")
