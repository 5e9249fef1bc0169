"""A few threads that run jobs: for requests that the event loop does not answer itself."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Job = Callable[[], None]


class WorkerPool:
    """Runs jobs in the order in which they come, with up to ``size`` threads.

    Threads are started when there is work for them, and all end with :meth:`close`. A job must
    not raise.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards the fields below
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        self._closed = False

    def submit(self, job: Job) -> None:
        """Have a thread run the job. After :meth:`close` nothing is run any more."""
        with self._lock:
            if self._closed:
                return
            self._unfinished += 1
            if self._unfinished > len(self._threads) < self._size:
                self._start_thread()
            # Under the lock, so that no job comes behind the end that close() puts there.
            self._jobs.put(job)

    def close(self) -> None:
        """Run what was submitted and end all threads."""
        with self._lock:
            self._closed = True
            threads = self._threads
            for _ in threads:
                self._jobs.put(None)
        for thread in threads:
            thread.join()

    def _start_thread(self) -> None:
        """Start one more thread; the caller holds the lock."""
        number = len(self._threads) + 1
        thread = threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            with self._lock:
                self._unfinished -= 1
