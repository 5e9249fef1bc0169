"""How many steps of handshakes a loop takes in a turn."""

from __future__ import annotations

import itertools

from zoldyq.server.native.handshakes import STEPS_A_TURN, HandshakePace, Resumable


class Turns:
    """A loop whose turns the test makes."""

    def __init__(self) -> None:
        self.now = 1.0
        self._again: list[Resumable] = []

    def again(self, resumable: Resumable) -> None:
        """Note what is to be resumed."""
        self._again.append(resumable)

    def run_again(self) -> None:
        """Make a turn that resumes what was noted."""
        self.now += 1
        again, self._again = self._again, []
        for each in again:
            each.on_again()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to resume."""
        return not self._again


class Greeting:
    """A connection that takes one step of its handshake when it is admitted."""

    def __init__(self, pace: HandshakePace, done: list[Greeting]) -> None:
        self.admitted = False
        self._pace = pace
        self._done = done

    def come(self) -> None:
        """Take the step, or stand in line."""
        if self.admitted or self._pace.admits():
            self._done.append(self)
        else:
            self._pace.line_up(self, self)

    def on_again(self) -> None:
        """Take the step."""
        assert self.admitted
        self.come()

    def close(self) -> None:
        """Nothing is open."""


def test_a_turn_has_room_for_some_steps_and_the_next_one_again() -> None:
    loop = Turns()
    pace = HandshakePace(loop)
    for _ in range(2):
        assert [pace.admits() for _ in range(STEPS_A_TURN + 1)] == [True] * STEPS_A_TURN + [False]
        loop.now += 1


def test_a_crowd_is_spread_over_turns_in_the_order_in_which_it_came() -> None:
    loop = Turns()
    pace = HandshakePace(loop)
    done: list[Greeting] = []
    crowd = [Greeting(pace, done) for _ in range(5 * STEPS_A_TURN + 1)]
    for each in crowd:
        each.come()
    reached = [len(done)]
    while not loop.idle:
        loop.run_again()
        reached.append(len(done))
    assert max(b - a for a, b in itertools.pairwise(reached)) == STEPS_A_TURN
    assert done == crowd


def test_who_comes_while_others_wait_stands_behind_them() -> None:
    loop = Turns()
    pace = HandshakePace(loop)
    done: list[Greeting] = []
    crowd = [Greeting(pace, done) for _ in range(STEPS_A_TURN + 2)]
    for each in crowd[:-1]:
        each.come()
    loop.now += 1  # a turn begins, in which the line has not been looked at
    crowd[-1].come()
    while not loop.idle:
        loop.run_again()
    assert done == crowd
