"""One call of a queue's script, in bytes: what goes to Redis and what comes back.

Pure functions and records without I/O; ``lua/call.lua`` is the other side.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

import msgspec

from zoldyq.contract.policy import Policy
from zoldyq.queue import MESSAGE_OVERHEAD, Message
from zoldyq.queue.message import LimitedMessage

_encode = msgspec.msgpack.Encoder().encode
_OWN_LIFE = 1 << 63
_STAMP_BYTES = 8


class Outcome(enum.IntEnum):
    """What became of an offer; the numbers are those of call.lua."""

    NO_QUEUE = 0
    ACCEPTED = 1
    FULL = 2
    WAITS = 3
    TOO_MANY = 4
    TOO_LARGE = 5


class Creation(msgspec.Struct, frozen=True):
    """What to create a queue with. None stands for no bound.

    ``lifetime_us`` is in microseconds, ``idle_ms`` in milliseconds.
    """

    generation: str
    capacity: int
    max_bytes: int | None
    lifetime_us: int | None
    overflow: str
    idle_ms: int | None

    @classmethod
    def of(cls, policy: Policy, generation: str) -> Creation:
        """Return what creates a queue with this policy."""
        return cls(
            generation,
            policy.capacity,
            policy.max_bytes,
            None if policy.ttl_seconds is None else microseconds(policy.ttl_seconds),
            policy.overflow,
            None if policy.idle_seconds is None else milliseconds(policy.idle_seconds),
        )

    def words(self) -> list[object]:
        """Return the fields as the script wants them."""
        return [
            self.generation,
            self.capacity,
            self.max_bytes or False,
            self.lifetime_us or False,
            self.overflow,
            self.idle_ms or False,
        ]


def microseconds(seconds: float) -> int:
    """Return a time above 0 in microseconds, at least one."""
    return max(round(seconds * 1e6), 1)


def milliseconds(seconds: float) -> int:
    """Return a time above 0 in milliseconds, at least one."""
    return max(round(seconds * 1e3), 1)


class OfferWords(msgspec.Struct, frozen=True):
    """An enqueue of the call: messages as they stand in the list, tokens of places or ``""``.

    ``charge`` are the bytes that the queue is charged for the messages.
    """

    messages: Sequence[bytes]
    charge: int
    wait_with: str
    waited_with: str


class TakeWords(msgspec.Struct, frozen=True):
    """A dequeue of the call; ``wait_with`` is the token of the place to stand in, or ``""``."""

    count: int
    max_bytes: int
    wait_with: str


class CallWords(msgspec.Struct):
    """All that a front end wants of a queue at once."""

    epoch: str
    front_end: str
    number: int
    lease_ms: int
    bell: str
    beat: bool = False
    has_places: bool = False
    creation: Creation | None = None
    returned: Sequence[bytes] = ()
    leaving: Sequence[tuple[str, str, bool]] = ()
    offers: Sequence[OfferWords] = ()
    takes: Sequence[TakeWords] = ()

    def arguments(self) -> list[bytes]:
        """Return the script's arguments."""
        head = _encode(
            [
                self.epoch,
                self.front_end,
                self.number,
                self.lease_ms,
                self.beat,
                self.has_places,
                self.creation.words() if self.creation is not None else False,
                len(self.returned),
                self.leaving,
                [
                    (len(each.messages), each.charge, each.wait_with, each.waited_with)
                    for each in self.offers
                ],
                [(each.count, each.max_bytes, each.wait_with) for each in self.takes],
                self.bell,
            ]
        )
        arguments = [head, *self.returned]
        for each in self.offers:
            arguments += each.messages
        return arguments


class Bounds(msgspec.Struct, frozen=True):
    """What producers are told who find no room: the queue's bounds, None for none, the bytes that
    its messages are charged, and how many producers wait."""

    capacity: int
    max_bytes: int | None
    bytes: int
    producers: int


class CallReply(msgspec.Struct, frozen=True):
    """What the script answered.

    ``served`` are own places with the number of messages for each, ``taken`` the numbers for the
    dequeues of this call; ``messages`` are theirs, in that order.
    """

    generation: bytes
    size: int
    now_us: int
    offered: Sequence[tuple[Outcome, int, int]]
    left: Sequence[bool]
    served: Sequence[tuple[str, int]]
    taken: Sequence[int]
    messages: Sequence[bytes]
    places_void: bool
    kept: int
    my_turn: str
    more: bool
    overdue: Sequence[str]
    bounds: Bounds
    taken_back: frozenset[int]


def parse_reply(reply: Sequence[Any]) -> CallReply | frozenset[int]:
    """Return the script's answer; for a call that came too late to run, only ``taken_back``.

    These are numbers of calls whose messages another front end has taken back.
    """
    if reply[0] != b"OK":
        return _numbers(reply[1])
    served = reply[6]
    return CallReply(
        generation=reply[1],
        size=reply[2],
        now_us=int(reply[3]),
        offered=[(Outcome(code), size, dropped) for code, size, dropped in reply[4]],
        left=[bool(each) for each in reply[5]],
        served=[(served[at].decode(), served[at + 1]) for at in range(0, len(served), 2)],
        taken=reply[7],
        messages=reply[8],
        places_void=bool(reply[9]),
        kept=reply[10],
        my_turn=reply[11].decode(),
        more=bool(reply[12]),
        overdue=[each.decode() for each in reply[13]],
        bounds=Bounds(reply[14][0], reply[14][1] or None, reply[14][2], reply[14][3]),
        taken_back=_numbers(reply[15]),
    )


def _numbers(text: bytes) -> frozenset[int]:
    return frozenset(map(int, text.strip(b",").split(b","))) if text else frozenset()


# -- messages as they stand in the list ------------------------------------------------------


def pack_messages(payloads: Sequence[bytes], at: int, expires_at: int | None) -> list[bytes]:
    """Return messages with their heads; both times are microseconds since the epoch."""
    if expires_at is None:
        head = at.to_bytes(_STAMP_BYTES, "big")
    else:
        head = (at | _OWN_LIFE).to_bytes(_STAMP_BYTES, "big")
        head += expires_at.to_bytes(_STAMP_BYTES, "big")
    return [head + payload for payload in payloads]


def pack_message(message: Message) -> bytes:
    """Return a message as it stood in the list, with a lifetime of its own if it has one."""
    expires_at = message.enqueued_at + message.ttl if isinstance(message, LimitedMessage) else None
    return pack_messages((message.payload,), message.enqueued_at, expires_at)[0]


def unpack_message(raw: bytes) -> Message:
    """Return a message out of the list."""
    stamp = int.from_bytes(raw[:_STAMP_BYTES], "big")
    if not stamp & _OWN_LIFE:
        return Message(raw[_STAMP_BYTES:], stamp)
    stamp &= ~_OWN_LIFE
    expires_at = int.from_bytes(raw[_STAMP_BYTES : 2 * _STAMP_BYTES], "big")
    return LimitedMessage(raw[2 * _STAMP_BYTES :], stamp, expires_at - stamp)


def charge_of(messages: Sequence[bytes]) -> int:
    """Return the bytes that these messages are charged."""
    return sum([len(raw) - _head_bytes(raw) + MESSAGE_OVERHEAD for raw in messages])


def _head_bytes(raw: bytes) -> int:
    return 2 * _STAMP_BYTES if raw[0] & 0x80 else _STAMP_BYTES
