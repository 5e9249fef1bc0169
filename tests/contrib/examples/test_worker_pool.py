"""The pool of workers: nothing is lost when it ends, and outages and deaths are survived."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable

from tests.contract.servers import ServerProcess
from tests.contrib.examples.conftest import Run
from tests.helpers import wait_until
from zoldyq.client import Client

JOBS = 20_000
CREDIT = 16


def size(client: Client, name: str) -> int:
    stats = client.queues().get(name)
    return 0 if stats is None else stats.size


def workers_of(pool: ServerProcess) -> list[int]:
    return [int(number) for number in re.findall(r"worker (\d+) is there", pool.log.read_text())]


def taken(client: Client, name: str) -> list[int]:
    """What is in a queue of numbers or of results: the numbers of the jobs."""
    numbers: list[int] = []
    while messages := client.queue(name).dequeue_many(1_000):
        for message in messages:
            payload = message.payload
            numbers.append(payload if isinstance(payload, int) else payload["job"])
    return numbers


def test_a_pool_that_is_stopped_in_the_middle_loses_no_job(
    own_client: Client, run_example: Run
) -> None:
    own_client.queue("jobs").enqueue_many(range(JOBS))
    pool = run_example("worker_pool.py", "--workers", 3)
    wait_until(lambda: size(own_client, "results") > 100)
    assert pool.stop() == 0, pool.log.read_text()
    left, done = taken(own_client, "jobs"), taken(own_client, "results")
    assert left, "it was too fast to be stopped in the middle"
    assert sorted(left + done) == list(range(JOBS))
    assert "Traceback" not in pool.log.read_text()


def test_a_job_that_fails_is_kept(own_client: Client, run_example: Run) -> None:
    own_client.queue("jobs").enqueue_many([1, None, 2])
    pool = run_example("worker_pool.py")
    wait_until(lambda: size(own_client, "results") == 2 and size(own_client, "jobs.failed") == 1)
    assert pool.stop() == 0


def test_a_worker_that_is_killed_is_replaced_and_takes_little_along(
    own_client: Client, run_example: Run
) -> None:
    own_client.queue("jobs").enqueue_many(range(JOBS))
    pool = run_example("worker_pool.py", "--workers", 2, "--credit", CREDIT)
    wait_until(lambda: size(own_client, "results") > 100)
    os.kill(workers_of(pool)[0], signal.SIGKILL)
    wait_until(lambda: len(workers_of(pool)) == 3)
    wait_until(lambda: size(own_client, "jobs") == 0, 40)
    assert pool.stop() == 0, pool.log.read_text()
    done = taken(own_client, "results")
    assert len(done) == len(set(done))
    # Beside its jobs, the results that its producer had not sent yet: a few milliseconds' worth.
    assert len(done) > JOBS // 2


def test_workers_wait_for_a_server_that_restarts(
    own_server: ServerProcess,
    own_client: Client,
    run_example: Run,
    start_server: Callable[..., ServerProcess],
) -> None:
    own_client.queue("jobs").enqueue_many(range(10))
    pool = run_example("worker_pool.py", "--workers", 2)
    wait_until(lambda: size(own_client, "results") == 10)
    own_server.stop()
    wait_until(lambda: pool.log.read_text().count("lost the connection") == 2)
    start_server(token="secret", port=own_server.port)
    own_client.queue("jobs").enqueue_many(range(10, 20), timeout=20)
    wait_until(lambda: size(own_client, "results") == 10, 20)
    assert pool.stop() == 0, pool.log.read_text()
    assert sorted(taken(own_client, "results")) == list(range(10, 20))
    assert len(workers_of(pool)) == 2
