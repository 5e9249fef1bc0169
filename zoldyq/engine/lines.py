"""The places of this front end in the two lines of a queue."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from zoldyq.engine.places import Offer, Place, State, Take


class Lines:
    """Consumers that wait for messages, and producers that wait for room, by token, in order.

    Places are named by the front end and an epoch. They hold together: when Redis calls those of an
    epoch void, another one begins. True if there is any place.
    """

    def __init__(self, front_end: str) -> None:
        self.consumers: dict[str, Take] = {}
        self.producers: dict[str, Offer] = {}
        self._front_end = front_end
        self._epoch = 1
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self.consumers) + len(self.producers)

    @property
    def epoch(self) -> str:
        """What the places of this epoch are named by."""
        return f"{self._front_end}.{self._epoch}"

    @property
    def places(self) -> Sequence[Place]:
        """All places of both lines."""
        return [*self.consumers.values(), *self.producers.values()]

    def token(self, *wanted: int) -> str:
        """Return a name for a place that no other has; ``wanted`` stands in it for the script."""
        return "|".join([self.epoch, str(next(self._numbers)), *map(str, wanted)])

    def stand(self, place: Place) -> None:
        """Take note that an operation stands in its line now."""
        place.state = State.WAITING
        place.stood = True
        if isinstance(place, Take):
            self.consumers[place.token] = place
        else:
            self.producers[place.token] = place

    def leave(self, place: Place) -> None:
        """Take note that an operation stands in its line no more, if it did."""
        if isinstance(place, Take):
            self.consumers.pop(place.token, None)
        else:
            self.producers.pop(place.token, None)

    def clear(self) -> tuple[list[Take], list[Offer]]:
        """Take everything out of both lines."""
        takes, self.consumers = list(self.consumers.values()), {}
        offers, self.producers = list(self.producers.values()), {}
        return takes, offers

    def begin_anew(self) -> tuple[list[Take], list[Offer]]:
        """Take everything out, and begin another epoch."""
        self._epoch += 1
        return self.clear()
