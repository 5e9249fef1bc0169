"""What goes on beside a load: one call after another on a thread, each of them timed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter


@contextmanager
def timed_beside(call: Callable[[], object], pause: float = 0.0) -> Iterator[list[float]]:
    """Make a call again and again, ``pause`` seconds apart; yield the seconds that each took.

    Returns once the last call has ended. An error of a call is raised at the end.
    """
    taken: list[float] = []
    errors: list[Exception] = []
    done = threading.Event()

    def work() -> None:
        try:
            while not done.is_set():
                began = perf_counter()
                call()
                taken.append(perf_counter() - began)
                done.wait(pause)
        except Exception as error:  # noqa: BLE001 - raised again where the load is
            errors.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        yield taken
    finally:
        done.set()
        worker.join()
    if errors:
        raise errors[0]
