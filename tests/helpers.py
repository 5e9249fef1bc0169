"""Waiting for states, and threads that are known to have ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

#: Seconds after which a test has failed. A machine that does other things as well may need many
#: times what a quiet one does, and who waits for a state waits no longer than it takes.
LIMIT = 60.0


def wait_until(predicate: Callable[[], bool], timeout: float = LIMIT) -> None:
    """Return as soon as ``predicate()`` is true; fail if that takes over ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not predicate():
        assert time.monotonic() < deadline, f"still not so after {timeout} s"
        time.sleep(0.001)


class Task(Generic[T]):
    """Runs ``function`` on a thread of its own, from now on."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether the function has returned or raised."""
        return not self._thread.is_alive()

    def result(self, limit: float = LIMIT) -> T:
        """Return or raise what the function did; fail if it runs over ``limit`` more seconds."""
        self._thread.join(limit)
        assert not self._thread.is_alive(), f"the thread still runs after {limit} s"
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            self._error = error


def run_all(functions: Iterable[Callable[[], T]], limit: float = LIMIT) -> list[T]:
    """Run functions at the same time, each on a thread; return their results in order."""
    tasks = [Task(function) for function in functions]
    return [task.result(limit) for task in tasks]
