"""What the server holds in memory: idle, a message, and after everything was taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from benchmarks.figures import ZOLDYQ, Benchmark, Measure, Probe, Stage, Target, expect, of
from benchmarks.loads.raw import RawConnection, request_bytes
from benchmarks.payload import payload_of, single
from benchmarks.peers.redis import REDIS, Redis, redis
from benchmarks.servers.zoldyq import Server, zoldyq

_IDLE = "idle"
_MILLION = "1,000,000 messages of 100 bytes, all in all"
_BATCHES = "a message beside its payload, in batches"
_SINGLY = "a message beside its payload, one by one"
_BACK = "given back after draining, {}"
_BACK_SMALL = _BACK.format("1,000,000 of 100 bytes")
_BACK_LARGE = _BACK.format("200,000 of 1,000 bytes")

_COUNT, _SIZE = 1_000_000, 100
_SINGLE_COUNT = 200_000
_LARGE_COUNT, _LARGE_SIZE = 200_000, 1_000
_BATCH = 1_000
_AT_ONCE = 100
_QUEUE = "bench"
_GIVE_BACK_SECONDS = 3.0


def _zoldyq(_seconds: float) -> Iterator[Measure]:
    with zoldyq() as server:
        _drain(server)  # what every server holds once it has answered
        yield Measure(_IDLE, "MB", server.memory / 1e6)
        idle = server.memory
        server.fill(_QUEUE, _COUNT, payload_of(_SIZE), _BATCH)
        full = server.memory
        yield Measure(_MILLION, "MB", full / 1e6)
        yield _beside_payload(_BATCHES, full - idle, _COUNT, _SIZE)
        _drain(server)
        yield _given_back(_BACK_SMALL, idle, full, server)
    with zoldyq() as server:
        idle = server.memory
        _fill_singly(server, _SINGLE_COUNT, payload_of(_SIZE))
        yield _beside_payload(_SINGLY, server.memory - idle, _SINGLE_COUNT, _SIZE)
    with zoldyq() as server:
        idle = server.memory
        _fill_singly(server, _LARGE_COUNT, payload_of(_LARGE_SIZE))
        full = server.memory
        _drain(server)
        yield _given_back(_BACK_LARGE, idle, full, server)


def _redis(_seconds: float) -> Iterator[Measure]:
    with redis() as server:
        idle = server.memory
        yield Measure(_IDLE, "MB", idle / 1e6)
        server.top_up(_COUNT, payload_of(_SIZE))
        full = server.memory
        yield Measure(_MILLION, "MB", full / 1e6)
        yield _beside_payload(_BATCHES, full - idle, _COUNT, _SIZE)
        server.empty()
        yield _given_back(_BACK_SMALL, idle, full, server)


def _beside_payload(work: str, growth: int, count: int, size: int) -> Measure:
    return Measure(work, "bytes", growth / count - size)


def _given_back(work: str, idle: int, full: int, server: Server | Redis) -> Measure:
    """Tell how much of the growth is gone within a few seconds, as a server may take its time."""
    until = time.monotonic() + _GIVE_BACK_SECONDS
    drained = server.memory
    while time.monotonic() < until:
        time.sleep(0.1)
        drained = min(drained, server.memory)
    return Measure(work, "%", 100 * (full - drained) / (full - idle))


def _fill_singly(server: Server, count: int, payload: bytes) -> None:
    """Enqueue by requests of one message each; some are sent at once to save time."""
    request = request_bytes("POST", f"/queues/{_QUEUE}/enqueue", single(payload))
    with RawConnection(server.port) as client:
        for _ in range(count // _AT_ONCE):
            client.pipeline([request] * _AT_ONCE)
    expect(server.stats(_QUEUE)["size"], count, count, "messages queued")


def _drain(server: Server) -> None:
    """Take all messages as a consumer would."""
    path = f"/queues/{_QUEUE}/dequeue?count={_BATCH}"
    while server.request("GET", path)[0] == 200:
        pass
    expect(server.stats(_QUEUE)["size"], 0, 0, "messages left over")


def _prepare(stage: Stage) -> Iterable[Probe]:
    probes: list[tuple[str, Callable[[float], Iterator[Measure]]]] = [(ZOLDYQ, _zoldyq)]
    if stage.optional(redis) is not None:
        probes.append((REDIS, _redis))
    return [Probe(name, run) for name, run in probes]


BENCHMARK = Benchmark(
    "memory",
    "resident memory",
    _prepare,
    [
        Target(_IDLE, of(_IDLE), at_most=40),
        Target(_BATCHES, of(_BATCHES), at_most=110),
        Target(_SINGLY, of(_SINGLY), at_most=130),
        Target(_MILLION, of(_MILLION), at_most=260),
        Target(_BACK_SMALL, of(_BACK_SMALL), at_least=80),
        Target(_BACK_LARGE, of(_BACK_LARGE), at_least=80),
    ],
)
