"""The names under which a queue stands in Redis; its braces put all of them into one slot."""

from __future__ import annotations

from collections.abc import Sequence


class Keys:
    """The keys and channels of queue ``name``, as front end ``front_end`` uses them."""

    __slots__ = ("bell", "channel", "known", "of_call", "of_queue", "reply")

    def __init__(self, prefix: str, name: str, front_end: str) -> None:
        base = f"{prefix}:{{{name}}}:"
        #: The five keys that every script of a queue gets: hash, messages, lines, front ends.
        self.of_queue: Sequence[str] = tuple(base + key for key in "hmwrl")
        #: The hash of what is known of front ends.
        self.known = f"{base}l"
        #: The stored reply to this front end's last call.
        self.reply = f"{base}f:{front_end}"
        self.of_call: Sequence[str] = (*self.of_queue, self.reply)
        #: What the channels on which front ends are rung begin with, and our own.
        self.bell = f"{base}c:"
        self.channel = self.bell + front_end

    def of_reply(self, front_end: str) -> Sequence[str]:
        """Return the keys for taking back what another front end was given."""
        return (*self.of_queue, self.reply.rpartition(":")[0] + f":{front_end}")


def index_key(prefix: str) -> str:
    """Return the key of the index of names."""
    return f"{prefix}:queues"
