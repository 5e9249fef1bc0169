"""The states of a connection and the moves between them.

Two things are beside the states, for they go with most of them: whether bytes wait to be sent, and
whether the connection ends once they are out.
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """What a connection is about."""

    READING = "a request is being read, or the next one awaited"
    PARKED = "an enqueue or dequeue stands in its queue's line"
    WORKING = "a worker answers the request"
    LINGERING = "the last response is written, and what the peer still sends is thrown away"
    DETACHED = "the socket belongs to a WebSocket session"
    CLOSED = "the socket is closed"


#: States in which the socket is nothing of the connection's any more.
GONE = frozenset({State.DETACHED, State.CLOSED})

_MOVES = {
    State.READING: {
        State.PARKED,
        State.WORKING,
        State.LINGERING,
        State.DETACHED,
        State.CLOSED,
    },
    State.PARKED: {State.READING, State.CLOSED},
    State.WORKING: {State.READING, State.CLOSED},
    State.LINGERING: {State.CLOSED},
    State.DETACHED: set(),
    State.CLOSED: set(),
}


def check_move(before: State, after: State) -> None:
    """Raise RuntimeError unless a connection may go from one state to the other."""
    if after not in _MOVES[before]:
        raise RuntimeError(f"a connection cannot go from {before} to {after}")
