from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.helpers import wait_until
from tests.server.native.rig import ReactorThread
from zoldyq.server.native.loop import reactor
from zoldyq.server.native.loop.poller import (
    HANGUP,
    READ,
    WRITE,
    EpollPoller,
    Poller,
    SelectorPoller,
    make_poller,
)


@pytest.fixture
def loop() -> Iterator[ReactorThread]:
    with ReactorThread() as loop:
        yield loop


class Alarm:
    """Something with a deadline."""

    def __init__(self) -> None:
        self.deadline = self.scheduled = float("inf")
        self.rings: list[float] = []
        self.closed = False

    def on_deadline(self) -> None:
        self.rings.append(time.monotonic())
        self.deadline = float("inf")

    def close(self) -> None:
        self.closed = True


class Broken(Alarm):
    """Fails at everything."""

    busy = False

    def on_deadline(self) -> None:
        raise ValueError("broken")

    def on_event(self, flags: int) -> None:
        raise ValueError("broken")

    def on_wake(self, generation: int) -> None:
        raise ValueError("broken")


def test_a_loop_with_nothing_to_do_wakes_about_once_a_second() -> None:
    # Without the GIL, what other threads free of its objects waits until it wakes.
    seconds: list[int] = []
    idle = reactor.Reactor("idle", seconds.append)
    thread = threading.Thread(target=idle.run, daemon=True)
    thread.start()
    wait_until(lambda: len(seconds) >= 3)
    idle.stop()
    thread.join(10)
    assert not thread.is_alive()


class TestTimers:
    def test_a_deadline_is_met(self, loop: ReactorThread) -> None:
        alarm = Alarm()
        began = time.monotonic()
        alarm.deadline = began + 0.05
        loop.call(lambda: loop.reactor.schedule(alarm))
        wait_until(lambda: len(alarm.rings) == 1)
        assert alarm.rings[0] >= began + 0.05

    def test_deadlines_are_met_in_order(self, loop: ReactorThread) -> None:
        alarms = [Alarm() for _ in range(20)]
        now = time.monotonic()

        def schedule() -> None:
            for number, alarm in enumerate(reversed(alarms)):
                alarm.deadline = now + 0.005 * (20 - number)
                loop.reactor.schedule(alarm)

        loop.call(schedule)
        wait_until(lambda: all(alarm.rings for alarm in alarms))
        times = [alarm.rings[0] for alarm in alarms]
        assert times == sorted(times)

    def test_a_deadline_that_moved_away_is_met_there_without_being_scheduled_again(
        self, loop: ReactorThread
    ) -> None:
        alarm = Alarm()
        began = time.monotonic()

        def schedule() -> None:
            alarm.deadline = began + 0.02
            loop.reactor.schedule(alarm)
            alarm.deadline = began + 0.1

        loop.call(schedule)
        wait_until(lambda: len(alarm.rings) == 1)
        assert alarm.rings[0] >= began + 0.1

    def test_a_deadline_that_moved_closer_rings_once(self, loop: ReactorThread) -> None:
        alarm, later = Alarm(), Alarm()
        now = time.monotonic()

        def schedule() -> None:
            for after in (0.06, 0.01):
                alarm.deadline = now + after
                loop.reactor.schedule(alarm)
            later.deadline = now + 0.1
            loop.reactor.schedule(later)

        loop.call(schedule)
        wait_until(lambda: len(later.rings) == 1)
        assert len(alarm.rings) == 1

    def test_what_is_forgotten_never_rings_and_takes_no_room(self, loop: ReactorThread) -> None:
        alarms = [Alarm() for _ in range(5000)]
        last = Alarm()

        def schedule_and_forget() -> None:
            for alarm in alarms:
                alarm.deadline = time.monotonic() + 0.01
                loop.reactor.schedule(alarm)
                loop.reactor.forget(alarm)
            last.deadline = time.monotonic() + 0.02
            loop.reactor.schedule(last)

        loop.call(schedule_and_forget)
        assert len(loop.reactor._timers) < 1000
        wait_until(lambda: len(last.rings) == 1)
        assert not any(alarm.rings for alarm in alarms)


class TestDoor:
    def test_calls_are_made_in_order_on_the_loop_s_thread(self, loop: ReactorThread) -> None:
        made: list[tuple[int, int]] = []
        for number in range(1000):
            loop.reactor.post(lambda n=number: made.append((n, threading.get_ident())))  # type: ignore[misc]
        wait_until(lambda: len(made) == 1000)
        assert [number for number, _ in made] == list(range(1000))
        assert {thread for _, thread in made} == {loop.call(threading.get_ident)}

    def test_many_threads_may_enter(self, loop: ReactorThread) -> None:
        made: list[int] = []

        def enter() -> None:
            for _ in range(500):
                loop.reactor.post(lambda: made.append(1))

        threads = [threading.Thread(target=enter) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: len(made) == 4000)

    def test_a_call_that_fails_leaves_it_open(
        self, loop: ReactorThread, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail() -> None:
            raise ValueError("broken")

        loop.reactor.post(fail)
        assert loop.call(lambda: 7) == 7
        assert "unexpected error" in caplog.text

    def test_nobody_is_heard_after_the_end(self) -> None:
        with ReactorThread() as loop:
            pass
        loop.reactor.post(lambda: pytest.fail("this is never called"))
        loop.reactor.stop()


class Sleeper:
    """Notes who wakes it."""

    def __init__(self) -> None:
        self.woken: list[tuple[int, int]] = []

    def on_wake(self, generation: int) -> None:
        self.woken.append((generation, threading.get_ident()))

    def close(self) -> None:
        pytest.fail("nothing is wrong with it")


class TestWaking:
    def test_from_another_thread(self, loop: ReactorThread) -> None:
        sleeper = Sleeper()
        loop.reactor.wake(sleeper, 3)
        wait_until(lambda: sleeper.woken == [(3, loop.call(threading.get_ident))])

    def test_from_the_loop_after_the_event_at_hand(self, loop: ReactorThread) -> None:
        sleeper = Sleeper()

        def wake() -> int:
            loop.reactor.wake(sleeper, 1)
            return len(sleeper.woken)

        assert loop.call(wake) == 0
        wait_until(lambda: len(sleeper.woken) == 1)


class TestFaults:
    def test_what_fails_is_closed_and_the_loop_goes_on(
        self, loop: ReactorThread, caplog: pytest.LogCaptureFixture
    ) -> None:
        ours, theirs = socket.socketpair()
        at_event, at_deadline, at_wake, from_outside = (Broken() for _ in range(4))
        with ours, theirs:

            def break_everything() -> None:
                loop.reactor.add(ours.fileno(), at_event, READ)
                at_deadline.deadline = time.monotonic()
                loop.reactor.schedule(at_deadline)
                loop.reactor.wake(at_wake, 0)

            loop.call(break_everything)
            loop.reactor.wake(from_outside, 0)
            theirs.send(b"x")
            broken = (at_event, at_deadline, at_wake, from_outside)
            wait_until(lambda: all(each.closed for each in broken))
            loop.call(lambda: loop.reactor.remove(ours.fileno()))
        assert loop.call(lambda: "alive") == "alive"
        assert caplog.text.count("closing a connection after an unexpected error") >= 4


@pytest.fixture(params=[EpollPoller, SelectorPoller])
def either(request: pytest.FixtureRequest) -> Iterator[Poller]:
    made: Poller = request.param()
    yield made
    made.close()


class TestPollers:
    def test_readable_and_writable(self, either: Poller) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            either.register(ours.fileno(), READ)
            assert either.poll(0) == []
            theirs.send(b"x")
            assert either.poll(1) == [(ours.fileno(), READ)]
            either.modify(ours.fileno(), WRITE)
            assert either.poll(1) == [(ours.fileno(), WRITE)]
            either.modify(ours.fileno(), 0)
            assert either.poll(0) == []
            either.modify(ours.fileno(), READ)
            assert either.poll(1) == [(ours.fileno(), READ)]
            either.unregister(ours.fileno())
            assert either.poll(0) == []

    def test_a_hang_up_shows(self, either: Poller) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            either.register(ours.fileno(), READ | HANGUP)
            theirs.close()
            events = either.poll(1)
            assert events[0][0] == ours.fileno()
            assert events[0][1] & (READ | HANGUP)
            either.unregister(ours.fileno())

    def test_without_epoll_there_is_another_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(select, "epoll", raising=False)
        chosen = make_poller()
        chosen.close()
        assert isinstance(chosen, SelectorPoller)


def test_a_loop_over_selectors_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactor, "make_poller", SelectorPoller)
    with ReactorThread() as loop:
        assert loop.call(lambda: 1) == 1


class Busy:
    """Always has more to do."""

    def __init__(self, loop: ReactorThread) -> None:
        self.turns = 0
        self._loop = loop

    def on_again(self) -> None:
        self.turns += 1
        self._loop.reactor.again(self)

    def close(self) -> None:
        raise AssertionError("nothing went wrong")


def test_who_always_has_more_to_do_goes_on_without_a_sleep_and_holds_up_no_one(
    loop: ReactorThread,
) -> None:
    busy = Busy(loop)
    loop.call(lambda: loop.reactor.again(busy))
    wait_until(lambda: busy.turns > 100)  # each turn would sleep for a second
    assert loop.call(lambda: 7) == 7
