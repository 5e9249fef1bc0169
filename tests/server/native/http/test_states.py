"""The states of a connection and the moves between them."""

from __future__ import annotations

from itertools import product

import pytest

from zoldyq.server.native.http.states import GONE, State, check_move

LEGAL = {
    "READING": "BODY PARKED WORKING ENDING UPGRADING CLOSED",
    "BODY": "READING ENDING CLOSED",
    "PARKED": "READING CLOSED",
    "WORKING": "READING CLOSED",
    "ENDING": "LINGERING CLOSED",
    "UPGRADING": "DETACHED CLOSED",
    "LINGERING": "CLOSED",
}


@pytest.mark.parametrize(
    ("before", "after"), list(product(State, State)), ids=lambda state: state.name
)
def test_a_connection_makes_legal_moves_and_no_others(before: State, after: State) -> None:
    if after.name in LEGAL.get(before.name, "").split():
        check_move(before, after)
        return
    with pytest.raises(RuntimeError, match=f"cannot go from {before.name} to {after.name}"):
        check_move(before, after)


def test_a_connection_that_has_lost_its_socket_never_moves_again() -> None:
    assert {state.name for state in GONE} == {state.name for state in State} - set(LEGAL)
