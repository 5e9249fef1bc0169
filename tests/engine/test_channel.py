"""What a front end makes of replies that say that it was taken for dead, without any Redis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from zoldyq.contract.errors import BackendUnavailable, ZoldyQError
from zoldyq.engine import scripts
from zoldyq.engine.call import Creation, Outcome, pack_messages
from zoldyq.engine.channel import Channel
from zoldyq.engine.keys import Keys
from zoldyq.engine.places import Offer, Place, Take

A_LOT = 1 << 20


class Sent(msgspec.Struct):
    """A call or a confirmation that waits for its reply; ``head`` is what the script reads."""

    on_reply: Callable[[Any], None]
    head: list[Any] = []


class Host:
    """An engine that sends nothing: the test gives the replies."""

    front_end = "A"
    lease_ms = 3000
    auto_create = True
    draining = False

    def __init__(self) -> None:
        self.calls: list[Sent] = []
        self.confirmations: list[Sent] = []
        self.rejoined = 0
        self._number = 0

    def next_call(self) -> int:
        self._number += 1
        return self._number

    def now_us(self) -> int:
        return 1

    def refusal(self, error: Exception) -> ZoldyQError:
        return BackendUnavailable(str(error))

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
        self.calls.append(Sent(on_reply, msgspec.msgpack.decode(arguments[0])))

    def hold(self, charge: int) -> None:
        pass

    def confirm(self, keys: Keys, number: int, on_reply: Callable[[Any], None]) -> None:
        self.confirmations.append(Sent(on_reply, [number]))

    def reserve(self, name: str, on_done: Callable[[Creation | ZoldyQError], None]) -> None:
        raise AssertionError("the queue is there")

    def note_time(self, redis_us: int, sent_us: int) -> None:
        pass

    def count_dropped(self, count: int) -> None:
        pass

    def count_rejoined(self, count: int) -> None:
        self.rejoined += count

    def want_flush(self, channel: Channel) -> None:
        pass

    def reap(self, name: str, front_ends: Sequence[str]) -> None:
        pass

    def next_numbers(self, count: int) -> range:
        return range(count)


class Front(msgspec.Struct):
    """A channel and its host."""

    host: Host
    channel: Channel

    def leave(self, place: Place, expired: bool) -> None:
        self.channel.leave(place, expired, 0.0)

    def take(self, *, waits: bool = False) -> Take:
        place = Take(self, 1, A_LOT, lambda: None, waits=waits)
        self.channel.add(place)
        self.channel.flush()
        return place

    def offer(self, payload: bytes) -> Offer:
        place = Offer(self, [payload], 1, None, lambda: None, waits=False)
        self.channel.add(place)
        self.channel.flush()
        return place

    def reply(self, *payloads: bytes, taken_back: bytes = b"", **fields: Any) -> None:
        """Answer the last call: these messages are for its dequeues, one for each."""
        asked = self.host.calls[-1].head
        taken = [1] * len(payloads) + [0] * (len(asked[10]) - len(payloads))
        offered = [[Outcome.ACCEPTED, 1, 0]] * len(asked[9])
        messages = pack_messages(payloads, 1, None)
        left = fields.get("left", [])
        bounds = [10, 0, 0, 0]
        head = [b"OK", b"g", 0, b"1", offered, left, [], taken, messages, 0, 0, b"", 0, []]
        self.host.calls[-1].on_reply([*head, bounds, taken_back])
        self.channel.flush()

    def confirmed(self, reply: int) -> None:
        """Answer the last confirmation."""
        self.host.confirmations[-1].on_reply(reply)
        self.channel.flush()


@pytest.fixture
def front() -> Front:
    host = Host()
    return Front(host, Channel(host, "q", Keys("zoldyq", "q", host.front_end)))


def payloads(take: Take) -> list[bytes]:
    delivery = take.leave()
    assert delivery is not None
    return [message.payload for message in delivery.messages]


def test_a_message_is_handed_out_once_it_is_confirmed(front: Front) -> None:
    take = front.take()
    front.reply(b"1")
    assert not take.settled
    assert front.host.confirmations[-1].head == [1]
    front.confirmed(1)
    assert payloads(take) == [b"1"]


def test_a_message_that_was_taken_back_before_it_was_confirmed_is_asked_for_again(
    front: Front,
) -> None:
    take = front.take()
    front.reply(b"1")
    front.confirmed(0)
    assert not take.settled
    front.reply(b"2")
    front.confirmed(1)
    assert payloads(take) == [b"2"]


def test_a_call_that_finds_the_last_one_taken_back_hands_nothing_out(front: Front) -> None:
    first = front.take()
    second_in_flight = front.host.calls
    late = Take(front, 1, A_LOT, lambda: None, waits=False)
    front.channel.add(late)  # goes with the next call, which confirms the first
    front.reply(b"1")
    assert len(second_in_flight) == 2
    front.reply(b"3", taken_back=b",1,")
    assert not first.settled
    front.reply(b"1")  # for the first, which was asked for again
    front.confirmed(1)
    assert (payloads(first), payloads(late)) == ([b"1"], [b"3"])


def test_a_consumer_that_left_returns_its_message_only_once_that_is_confirmed(
    front: Front,
) -> None:
    take = front.take()
    take.leave()
    front.reply(b"1")
    assert len(front.host.calls) == 1
    front.confirmed(1)
    assert front.host.calls[-1].head[7] == 1  # one message comes back


def test_a_message_that_was_taken_back_is_not_returned_a_second_time(front: Front) -> None:
    take = front.take()
    take.leave()
    front.reply(b"1")
    front.confirmed(0)
    assert len(front.host.calls) == 1
    assert front.channel.idle


def test_a_call_whose_reply_is_gone_is_told_as_unknown_and_dequeues_go_on(front: Front) -> None:
    waiting = front.take(waits=True)
    front.reply()  # it stands in line
    offer, take = front.offer(b"1"), front.take()
    front.host.calls[-1].on_reply([b"STALE", b",1,"])
    with pytest.raises(BackendUnavailable) as refused:
        offer.leave()
    assert refused.value.details["queued"] == "unknown"
    front.channel.flush()
    assert front.host.rejoined == 1
    front.reply(b"2", b"3")
    front.confirmed(1)
    assert (payloads(waiting), payloads(take)) == ([b"2"], [b"3"])
