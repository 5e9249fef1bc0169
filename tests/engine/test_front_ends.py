"""Several front ends over one Redis, as users run them: killed, restarted, cut off."""

from __future__ import annotations

import inspect
import itertools
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.raw import Api
from tests.contract.servers import ServerProcess, launch, start
from tests.engine.servers import RedisServer, needs_redis
from tests.helpers import Task, wait_until
from zoldyq.cli.health import summary
from zoldyq.client import Client
from zoldyq.contract import defaults

pytestmark = needs_redis

Begin = Callable[..., ServerProcess]


@pytest.fixture
def begin(tmp_path: Path, redis_server: RedisServer) -> Iterator[Begin]:
    """Start front ends over the same Redis: ``begin(drain_seconds=1)``."""
    started: list[ServerProcess] = []
    numbers = itertools.count()

    def start_one(**settings: object) -> ServerProcess:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        shared = {"backend": redis_server.url, "redis_prefix": tmp_path.name}
        started.append(start("native", folder, **{**shared, **settings}))
        return started[-1]

    yield start_one
    for server in started:
        server.kill()


class Load:
    """A producer and a consumer that move on to another front end when theirs fails."""

    def __init__(self, servers: list[ServerProcess], name: str) -> None:
        self.servers = servers  # replaced at one place at a time
        self.name = name
        self.accepted: list[int] = []
        self.unknown: list[int] = []
        self.got: list[int] = []
        self.producing = True
        self.consuming = True
        self._tasks = [Task(self._produce), Task(self._consume)]

    def finish(self) -> None:
        """Consume what is left, and end."""
        self.producing = False
        self._tasks[0].result()
        wait_until(lambda: set(self.accepted) <= set(self.got) or self._empty())
        self.consuming = False
        self._tasks[1].result()

    def _empty(self) -> bool:
        return bool(Api(self.servers[0].address).stats(self.name).get("size") == 0)

    def _produce(self) -> None:
        number, turn = 0, 0
        while self.producing:
            number += 1
            try:
                api = Api(self.servers[turn % len(self.servers)].address)
                status = api.post(f"/queues/{self.name}/enqueue", {"payload": number}).status
            except (OSError, AssertionError):
                self.unknown.append(number)
                turn += 1
                continue
            if status == 200:
                self.accepted.append(number)
            turn += status != 200

    def _consume(self) -> None:
        turn = 0
        while self.consuming:
            try:
                api = Api(self.servers[turn % len(self.servers)].address)
                response = api.post(f"/queues/{self.name}/dequeue?timeout=0.2")
            except (OSError, AssertionError):
                turn += 1
                continue
            if response.status == 200:
                self.got.append(response.json()["payload"])
            turn += 1


def lost_and_doubled(load: Load) -> tuple[set[int], list[int]]:
    """What was accepted and never came, and what came twice."""
    doubled = [number for number, times in Counter(load.got).items() if times > 1]
    return set(load.accepted) - set(load.got), doubled


def test_what_is_enqueued_at_one_front_end_wakes_a_consumer_at_another(begin: Begin) -> None:
    a, b = Api(begin().address), Api(begin().address)
    waiting = Task(lambda: a.post("/queues/q/dequeue?timeout=30").json()["payload"])
    b.enqueue("q", "first")  # whether it waits already or not
    assert waiting.result() == "first"


def test_a_rolling_restart_loses_nothing_and_doubles_nothing(begin: Begin) -> None:
    servers = [begin(drain_seconds=2) for _ in range(3)]
    load = Load(servers, "q")
    for place in range(3):
        seen = len(load.got)
        wait_until(lambda seen=seen: len(load.got) > seen + 20)  # type: ignore[misc]
        old, servers[place] = servers[place], begin(drain_seconds=2)
        assert old.stop() == 0
        assert "Traceback" not in old.log.read_text()
    load.finish()
    assert lost_and_doubled(load) == (set(), [])


def test_a_front_end_that_is_killed_takes_little_along_and_doubles_nothing(begin: Begin) -> None:
    servers = [begin(redis_lease=0.5), begin(redis_lease=0.5)]
    load = Load(servers, "q")
    wait_until(lambda: len(load.got) > 50)
    killed, servers[0] = servers[0], servers[1]
    killed.signal(signal.SIGKILL)
    killed.exit_code()
    seen = len(load.got)
    wait_until(lambda: len(load.got) > seen + 50)
    load.finish()
    lost, doubled = lost_and_doubled(load)
    assert doubled == []
    assert len(lost) <= 3


def test_places_of_a_killed_front_end_hold_nobody_up(begin: Begin) -> None:
    a, b = begin(redis_lease=1), begin(redis_lease=1)
    dead = [
        threading.Thread(target=_wait_in_vain, args=(Api(a.address),), daemon=True)
        for _ in range(20)
    ]
    for thread in dead:
        thread.start()
    api = Api(b.address)
    api.put("/queues/q", {})
    wait_until(lambda: api.stats("q")["waiting_consumers"] == 20)
    living = Task(lambda: api.post("/queues/q/dequeue?timeout=30").json()["payload"])
    wait_until(lambda: Api(b.address).stats("q")["waiting_consumers"] == 21)
    a.signal(signal.SIGKILL)
    a.exit_code()
    Api(b.address).enqueue("q", "for the living")
    assert living.result() == "for the living"


def _wait_in_vain(api: Api) -> None:
    try:
        api.post("/queues/q/dequeue?timeout=60")
    except (OSError, AssertionError):
        return


def test_redis_that_is_away_is_told_and_comes_back(tmp_path: Path, begin: Begin) -> None:
    redis = RedisServer(tmp_path / "redis")
    try:
        server = begin(backend=redis.url, redis_grace=0.5, redis_timeout=0.5)
        api = Api(server.address)
        api.enqueue("q", 1)
        redis.process.send_signal(signal.SIGSTOP)
        refused = api.post("/queues/q/enqueue", {"payload": 2})
        assert (refused.status, refused.code) == (503, "backend_unavailable")
        assert refused.json()["queued"] in (False, "unknown")
        wait_until(lambda: api.get("/ready").status == 503)
        assert api.get("/ready").json()["reason"] == "backend_unavailable"
        health = api.get("/health")
        assert health.status == 200
        assert health.json()["backend"]["up"] is False
        with Client(server.url) as client:
            said = summary(client.health())
        assert said.endswith(f"; Redis at 127.0.0.1:{redis.port} does not answer")
        redis.process.send_signal(signal.SIGCONT)
        wait_until(lambda: api.get("/ready").status == 200)
        assert api.post("/queues/q/dequeue?timeout=5").json()["payload"] == 1
        with Client(server.url) as client:
            said = summary(client.health())
        assert said.endswith(f" in 1 queue in Redis at 127.0.0.1:{redis.port}")
    finally:
        redis.stop()


def test_a_client_learns_that_redis_is_away_before_it_gives_up() -> None:
    # The look at what waits too long comes up to half a second late.
    patience = inspect.signature(Client).parameters["reply_timeout"].default
    assert patience > defaults.REDIS_GRACE + 0.5


def test_memory_that_is_full_is_told_and_dequeues_go_on(tmp_path: Path, begin: Begin) -> None:
    redis = RedisServer(tmp_path / "redis", "--maxmemory", "4mb")
    try:
        api = Api(begin(backend=redis.url).address)
        payload = {"payload": "x" * 100_000}
        statuses = [api.post("/queues/q/enqueue", payload).status for _ in range(60)]
        assert set(statuses) == {200, 429}
        assert api.post("/queues/q/enqueue", payload).code == "memory_limit"
        assert api.get("/ready").json()["reason"] == "memory_limit"
        assert api.post("/queues/q/dequeue").status == 200
    finally:
        redis.stop()


@pytest.mark.parametrize(
    ("options", "url", "said"),
    [
        (("--maxmemory-policy", "allkeys-lru"), "redis://127.0.0.1:{}", "noeviction"),
        (("--requirepass", "secret"), "redis://:wrong@127.0.0.1:{}", "password"),
        ((), "redis+cluster://127.0.0.1:{}", "not in cluster mode"),
        ((), "redis+sentinel://127.0.0.1:{}/main", "is no sentinel"),
        ((), "http://127.0.0.1:{}", "give memory, or a URL"),
    ],
)
def test_a_server_that_can_never_serve_is_refused_with_one_line(
    tmp_path: Path, options: tuple[str, ...], url: str, said: str
) -> None:
    password = "secret" if "--requirepass" in options else ""
    redis = RedisServer(tmp_path / "redis", *options, password=password)
    try:
        server = launch("native", tmp_path, backend=url.format(redis.port))
        assert server.exit_code() == 2
        lines = server.log.read_text().splitlines()
        assert len(lines) == 1
        assert said in lines[0]
        assert "wrong" not in lines[0] or "WRONGPASS" in lines[0]
    finally:
        redis.stop()


def test_a_redis_that_never_comes_ends_the_start(tmp_path: Path) -> None:
    server = launch("native", tmp_path, backend="redis://127.0.0.1:1", redis_start_seconds=0.1)
    assert server.exit_code() == 1
    assert "could not be used within 0.1 s" in server.log.read_text()


def test_without_the_extra_the_start_ends_with_what_to_install(tmp_path: Path) -> None:
    command = (
        "import sys; sys.modules['hiredis'] = None; "
        "sys.argv = ['zoldyq', '--backend', 'redis://127.0.0.1:1']; "
        "from zoldyq.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "pip install 'zoldyq[redis]'" in done.stderr
