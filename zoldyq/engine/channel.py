"""One queue as this front end sees it: what is wanted of it is collected, and goes in one call.

At most one call is under way for each queue. All that comes up meanwhile goes with the next. A call
is repeated with its number until it has a reply, so it takes effect once. Messages that a reply
brings are confirmed, by the next call or by a command of its own, before anybody is told of them: a
front end that dies in between leaves them where another finds them.

Everything here runs on the thread of the engine's loop. The module is long because it is one state
machine: what a reply means depends on all that is wanted, under way and given.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import hiredis

from zoldyq.contract.errors import BackendUnavailable, NotReplicated, ZoldyQError
from zoldyq.contract.policy import Policy
from zoldyq.engine import scripts
from zoldyq.engine.call import (
    Bounds,
    CallReply,
    Creation,
    Outcome,
    pack_message,
    parse_reply,
    unpack_message,
)
from zoldyq.engine.commands import Unreplicated
from zoldyq.engine.host import Host
from zoldyq.engine.keys import Keys
from zoldyq.engine.lines import Lines
from zoldyq.engine.places import Offer, Place, State, Take
from zoldyq.engine.wishes import Flight, Wishes
from zoldyq.queue import Delivery, Receipt
from zoldyq.queue.room import never_fits, not_found, queue_full, shutting_down


class Channel:
    """Collects what is wanted of queue ``name`` and calls for it; :meth:`flush` sends."""

    def __init__(self, host: Host, name: str, keys: Keys) -> None:
        self.name = name
        self.keys = keys
        self._host = host
        self._wishes = Wishes()
        self._lines = Lines(host.front_end)
        self._given: list[tuple[Take | None, Delivery]] = []  # arrived and not confirmed
        self._given_by = 0  # the number of the call that brought it
        self._flight: Flight | None = None
        self._confirming = False
        self._reserving = False
        self._generation = b""
        self._used_at = 0.0

    # -- what is wanted ----------------------------------------------------------------------

    def add(self, place: Place) -> None:
        """Have an operation go with the next call."""
        self._used_at = place.began
        if isinstance(place, Offer):
            self._host.hold(place.charge)
        self._wishes.add(place)

    def leave(self, place: Place, expired: bool, now: float) -> None:
        """Have an operation end; whatever it still wins goes back if ``expired`` is false."""
        if place.settled:
            if not expired:
                self._take_back(place)
            return
        if expired:
            place.began = now  # it waits for Redis from now on
            place.waits = False  # what has not been sent yet is tried once
        place.expired = place.expired or expired
        place.gone = place.gone or not expired
        if place.state is State.WAITING:
            if place not in self._wishes.leaving:
                self._wishes.leaving.append(place)
        elif place.gone and place.state is State.QUEUED:
            self._wishes.remove(place)
            self._end(place)

    def put_back(self, numbers: Sequence[int], messages: Iterable[bytes]) -> None:
        """Have messages return to the head, each to where its number says."""
        self._wishes.put_back(numbers, messages)

    def ring(self, text: bytes) -> None:
        """React to a ring: there is something for us, or the queue is gone."""
        if text == b"gone":
            self._end_generation()
        self._wishes.look = True

    def beat(self) -> None:
        """Look after our places and after others, with the next call."""
        self._wishes.look = self._wishes.beat = True

    def flush(self) -> None:
        """Send the next call, unless one is under way; confirm what arrived, if there is none."""
        if self._flight is not None or self._reserving or self._confirming:
            return
        if self._wishes:
            self._flight = self._wishes.next_call(self._host, self._lines, self.keys.bell)
            self._send(self._flight)
        elif self._given:
            self._confirming = True
            self._host.confirm(self.keys, self._given_by, self._confirmed)

    @property
    def generation(self) -> bytes:
        """Which queue of this name is known to exist; empty for none."""
        return self._generation

    @property
    def places(self) -> int:
        """How many operations of ours stand in the queue's lines."""
        return len(self._lines)

    @property
    def idle(self) -> bool:
        """Whether nothing is wanted, under way or unconfirmed."""
        return not (self._lines or self._wishes or self._flight or self._given)

    def end_waits(self, now: float) -> None:
        """Have everything that stands in line leave it: the server is stopping."""
        waiting: list[Place] = [*self._wishes.takes, *self._lines.places]
        for place in waiting:
            if place.waits:
                self.leave(place, True, now)

    def unused_since(self, now: float) -> float:
        """Return for how many seconds nothing was wanted of the queue."""
        return now - self._used_at

    def fail_older_than(self, moment: float, reason: ZoldyQError) -> None:
        """End what has waited for Redis since before ``moment`` (monotonic seconds).

        The call itself goes on, and what it brings for these goes back to the head.
        """
        sent: list[Place] = []
        if self._flight is not None:
            sent = [*self._flight.offers, *self._flight.takes]
        leaving = [place for place in self._wishes.leaving if place.expired]
        given = [take for take, _ in self._given if take is not None]
        places = itertools.chain(self._wishes.offers, self._wishes.takes, sent, leaving, given)
        for place in list(places):
            if not place.settled and place.began < moment:
                unknown = isinstance(place, Offer) and place.sent
                error = type(reason)(
                    reason.message, **reason.details, queued="unknown" if unknown else False
                )
                self._settle(place, error=error)
                place.gone = True
        self._wishes.remove_settled()

    # -- the call ----------------------------------------------------------------------------

    def _send(self, flight: Flight) -> None:
        script = scripts.CALL if flight.offers else scripts.CALL_WITHOUT_MEMORY
        self._host.run(
            script,
            self.keys.of_call,
            flight.words.arguments(),
            partial(self._answered, flight),
            subscribe=self.keys.channel if flight.may_wait else "",
            replicated=bool(flight.offers),
        )

    def _answered(self, flight: Flight, reply: Any) -> None:
        if isinstance(reply, Exception):
            self._refused_by_redis(flight, reply)
            return
        self._flight = None
        replicated = not isinstance(reply, Unreplicated)
        answer = parse_reply(reply if replicated else reply.reply)
        if isinstance(answer, CallReply):
            self._absorb(flight, answer, replicated)
        else:
            self._lost(flight, answer)

    def _refused_by_redis(self, flight: Flight, error: Exception) -> None:
        """React to an error that repeating cannot cure. The script has changed nothing."""
        if flight.offers and isinstance(error, hiredis.ReplyError) and str(error)[:3] == "OOM":
            full = self._host.refusal(error)
            for offer in flight.offers:
                self._settle(offer, error=full)
            # The rest of the call needs no memory; it has the same number, for nothing has run.
            flight.words.offers = flight.offers = ()
            flight.words.creation = None
            self._send(flight)
            return
        self._flight = None
        self._host.want_flush(self)
        failure = self._host.refusal(error)
        carried: list[Place] = [*flight.offers, *flight.takes]
        for place in carried:
            self._settle(place, error=failure)
        self._wishes.leaving += [place for place in flight.leaving if not place.settled]
        self._wishes.returned += flight.returned

    def _lost(self, flight: Flight, taken_back: frozenset[int]) -> None:
        """Deal with a call whose reply is gone for good: another has taken back what it brought."""
        self._settle_given(taken_back)
        reason = BackendUnavailable(
            "the backend's answer was lost: it may be queued, or not", queued="unknown"
        )
        for offer in flight.offers:
            self._settle(offer, error=reason)
        takes = [take for take in flight.takes if not take.settled]
        self._ask_again(takes)
        self._stand_again()  # nobody knows which places are still in line
        self._host.want_flush(self)

    # -- the reply ---------------------------------------------------------------------------

    def _absorb(self, flight: Flight, reply: CallReply, replicated: bool) -> None:
        self._host.note_time(reply.now_us, flight.sent_us)
        self._settle_given(reply.taken_back)  # the new number has confirmed it
        self._given_by = flight.words.number
        if self._generation and reply.generation != self._generation:
            self._end_generation()
        self._generation = reply.generation
        self._wishes.look = self._wishes.look or reply.more
        self._host.count_dropped(len(flight.returned) - reply.kept)
        self._absorb_offers(flight.offers, reply, replicated)
        self._absorb_messages(flight, reply)
        if reply.places_void:
            self._stand_again()
        self._absorb_leavers(flight, reply)
        turn = self._lines.producers.get(reply.my_turn)
        if turn is not None and turn not in self._wishes.turns:
            self._wishes.turns.append(turn)
        if reply.overdue:
            self._host.reap(self.name, reply.overdue)
        self._host.want_flush(self)

    def _absorb_offers(self, offers: Sequence[Offer], reply: CallReply, replicated: bool) -> None:
        unknown: list[Offer] = []
        for offer, (outcome, size, extra) in zip(offers, reply.offered, strict=True):
            if outcome is Outcome.ACCEPTED:
                self._lines.leave(offer)
                self._accepted(offer, size, extra, replicated)
            elif outcome is Outcome.WAITS:
                self._lines.stand(offer)
                if offer.gone or offer.expired:
                    self._wishes.leaving.append(offer)
            elif outcome is Outcome.NO_QUEUE:
                unknown.append(offer)
            else:
                self._lines.leave(offer)
                self._settle(offer, error=self._no_room(offer, size, extra, reply.bounds))
        if unknown:
            self._create_for(unknown)

    def _accepted(self, offer: Offer, size: int, dropped: int, replicated: bool) -> None:
        if replicated:
            self._settle(offer, receipt=Receipt(len(offer.messages), size, offer.at, dropped))
        else:
            self._settle(
                offer,
                error=NotReplicated("too few replicas have the message in time: it may be lost"),
            )

    def _no_room(self, offer: Offer, size: int, ahead: int, bounds: Bounds) -> ZoldyQError:
        policy = Policy(capacity=bounds.capacity, max_bytes=bounds.max_bytes)
        return never_fits(self.name, policy, offer.payloads) or queue_full(
            self.name, policy, size, bounds.bytes, ahead
        )

    def _absorb_messages(self, flight: Flight, reply: CallReply) -> None:
        """Hand out what came: first to places in line, then to the dequeues of the call."""
        raw = iter(reply.messages)
        for token, count in reply.served:
            take = self._lines.consumers.pop(token, None)
            self._give(take, list(itertools.islice(raw, count)), reply)
        for asked, count in zip(flight.takes, reply.taken, strict=True):
            if count:
                self._give(asked, list(itertools.islice(raw, count)), reply)
            elif asked.token:
                self._stand(asked, reply)
            else:
                self._settle(asked, delivery=Delivery([], reply.size))

    def _stand(self, take: Take, reply: CallReply) -> None:
        """Note that a dequeue stands in line, unless it must not or wants it no more."""
        self._lines.stand(take)
        if not reply.generation and not self._host.auto_create:
            self._settle(take, error=not_found(self.name, on_demand=False))
        if take.gone or take.expired or take.settled:
            self._wishes.leaving.append(take)

    def _give(self, take: Take | None, raw: list[bytes], reply: CallReply) -> None:
        numbers = self._host.next_numbers(len(raw))
        if take is not None:
            take.state = State.GIVEN
            take.began = time.monotonic()
        messages = [unpack_message(each) for each in raw]
        self._given.append((take, Delivery(messages, reply.size, numbers)))

    def _absorb_leavers(self, flight: Flight, reply: CallReply) -> None:
        for place, was_there in zip(flight.leaving, reply.left, strict=True):
            if not was_there or place.state is not State.WAITING:
                continue  # it had won something by then, or lost its place: seen elsewhere
            self._lines.leave(place)
            if isinstance(place, Take):
                self._settle(place, delivery=Delivery([], reply.size))
            else:
                bounds = reply.bounds
                refusal = self._no_room(place, reply.size, bounds.producers, bounds)
                self._settle(place, error=shutting_down() if self._host.draining else refusal)

    def _confirmed(self, reply: Any) -> None:
        self._confirming = False
        if isinstance(reply, Exception):  # another takes the messages back later
            given, self._given = self._given, []
            failure = self._host.refusal(reply)
            for take, _ in given:
                if take is not None:
                    self._settle(take, error=failure)
        else:
            self._settle_given(frozenset() if reply else frozenset({self._given_by}))
        self._host.want_flush(self)

    def _settle_given(self, taken_back: frozenset[int]) -> None:
        """Hand out what was confirmed; if it was taken back, ask for messages once more."""
        given, self._given = self._given, []
        if self._given_by in taken_back:
            takes = [take for take, _ in given if take is not None and not take.settled]
            self._ask_again(takes)
            return
        for take, delivery in given:
            if take is None:
                self._return(delivery)
            else:
                self._settle(take, delivery=delivery)

    # -- queues that come and go ---------------------------------------------------------------

    def _create_for(self, offers: Sequence[Offer]) -> None:
        """Have the queue created, and try the offers again in front of all others."""
        for offer in offers:
            offer.state = State.QUEUED
        self._wishes.offers.extendleft(reversed(offers))
        self._reserving = True
        self._host.reserve(self.name, self._reserved)

    def _reserved(self, outcome: Creation | ZoldyQError) -> None:
        self._reserving = False
        if isinstance(outcome, ZoldyQError):
            for offer in self._wishes.offers:
                self._settle(offer, error=outcome)
            self._wishes.remove_settled()
        else:
            self._wishes.creation = outcome
        self._host.want_flush(self)

    def _end_generation(self) -> None:
        """End the waits of consumers of a queue that was deleted: nothing comes any more.

        Producers that waited for room put their messages into its successor.
        """
        self._generation = b""
        self._wishes.creation = None
        self._wishes.turns.clear()
        self._wishes.leaving = []
        takes, offers = self._lines.clear()
        for take in takes:
            self._settle(take, delivery=Delivery([], 0))
        self._ask_again(offers)

    def _stand_again(self) -> None:
        """Take new places, in their order, for those that a broken connection has made void."""
        self._wishes.turns.clear()
        self._wishes.leaving = []
        takes, offers = self._lines.begin_anew()
        self._host.count_rejoined(len(takes) + len(offers))
        self._ask_again([*takes, *offers])

    # -- helpers -----------------------------------------------------------------------------

    def _ask_again(self, places: Sequence[Place]) -> None:
        """Have operations go with the next call, in front of all others and in their order."""
        now = time.monotonic()
        for place in reversed(places):
            if place.gone:
                self._end(place)
                continue
            place.state = State.QUEUED
            place.token = ""
            place.began = now
            self._wishes.add_first(place)

    def _end(self, place: Place) -> None:
        """Have nothing more come of an operation that nobody wants."""
        if isinstance(place, Offer):
            self._host.hold(-place.charge)
        place.state = State.SETTLED
        place.settled = True

    def _settle(
        self,
        place: Place,
        *,
        delivery: Delivery | None = None,
        receipt: Receipt | None = None,
        error: ZoldyQError | None = None,
    ) -> None:
        """Tell the owner how it ended. What nobody wants any more goes back to the head."""
        if isinstance(place, Offer) and not place.settled:
            self._host.hold(-place.charge)
        if place.settled or place.gone:
            if delivery is not None and delivery.messages:
                self._return(delivery)
            place.settled = True
            return
        place.state = State.SETTLED
        place.error = error
        if isinstance(place, Take):
            place.delivery = delivery
        else:
            place.receipt = receipt
        place.settled = True
        place.wake()

    def _return(self, delivery: Delivery) -> None:
        self.put_back(delivery.numbers, map(pack_message, delivery.messages))
        self._host.want_flush(self)

    def _take_back(self, place: Place) -> None:
        """Return what came for an owner that left before it saw that."""
        delivery = place.hand_out() if isinstance(place, Take) else None
        if delivery is not None and delivery.messages:
            self._return(delivery)
