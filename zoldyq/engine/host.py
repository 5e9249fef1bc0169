"""What a channel needs of the engine that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from zoldyq.contract.errors import ZoldyQError
from zoldyq.engine import scripts
from zoldyq.engine.call import Creation
from zoldyq.engine.keys import Keys

if TYPE_CHECKING:
    from zoldyq.engine.channel import Channel


class Host(Protocol):
    """An engine, to its channels. All of it is for the thread of the engine's loop."""

    front_end: str
    lease_ms: int
    auto_create: bool
    draining: bool

    def next_call(self) -> int:
        """Return a number for a call, higher than any before."""

    def now_us(self) -> int:
        """Return the time by Redis's clock, in microseconds since the epoch."""

    def refusal(self, error: Exception) -> ZoldyQError:
        """Return what a client is told of an error that repeating cannot cure."""

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
        """Run a script until it has a reply, or an error that repeating cannot cure."""

    def confirm(self, keys: Keys, number: int, on_reply: Callable[[Any], None]) -> None:
        """Confirm the reply to call ``number``, until that has a reply: 0 if it was taken back."""

    def reserve(self, name: str, on_done: Callable[[Creation | ZoldyQError], None]) -> None:
        """Put a name into the index, so that its queue may be created."""

    def note_time(self, redis_us: int, sent_us: int) -> None:
        """Take note of Redis's clock, as it was between our ``sent_us`` and now."""

    def count_dropped(self, count: int) -> None:
        """Count messages that could not go back, because their queue is gone."""

    def count_rejoined(self, count: int) -> None:
        """Count places that had to be taken anew."""

    def hold(self, charge: int) -> None:
        """Take note of messages whose fate is not known yet; a charge below 0 ends that."""

    def want_flush(self, channel: Channel) -> None:
        """Have a channel looked at once more before the loop sleeps."""

    def reap(self, name: str, front_ends: Sequence[str]) -> None:
        """Take back what front ends that seem to be dead were given."""

    def next_numbers(self, count: int) -> range:
        """Return numbers for messages that arrive, growing."""
