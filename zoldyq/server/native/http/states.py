"""The states of a connection and the moves between them.

One thing stands beside the states, because it goes with most of them: whether bytes wait to be
sent. The stream knows that.
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """What a connection does."""

    READING = "the head of a request is awaited or being read"
    BODY = "the body of a request is being read; the server agreed to take it"
    PARKED = "an enqueue or dequeue stands in its queue's line"
    WORKING = "a worker answers the request"
    ENDING = "the last answer is made; nothing more is read"
    UPGRADING = "a WebSocket handshake was read; the socket leaves once the answers are out"
    LINGERING = "the last answer is written, and what the peer still sends is thrown away"
    DETACHED = "the socket belongs to a WebSocket session"
    CLOSED = "the socket is closed"


#: States in which the socket belongs to the connection no longer.
GONE = frozenset({State.DETACHED, State.CLOSED})

_MOVES = {
    State.READING: {
        State.BODY,
        State.PARKED,
        State.WORKING,
        State.ENDING,
        State.UPGRADING,
        State.CLOSED,
    },
    State.BODY: {State.READING, State.ENDING, State.CLOSED},
    State.PARKED: {State.READING, State.CLOSED},
    State.WORKING: {State.READING, State.CLOSED},
    State.ENDING: {State.LINGERING, State.CLOSED},
    State.UPGRADING: {State.DETACHED, State.CLOSED},
    State.LINGERING: {State.CLOSED},
    State.DETACHED: set(),
    State.CLOSED: set(),
}


def check_move(before: State, after: State) -> None:
    """Raise RuntimeError unless a connection may go from one state to the other."""
    if after not in _MOVES[before]:
        raise RuntimeError(f"a connection cannot go from {before.name} to {after.name}")
