"""What a Python program gets: each server with the client that people use for it.

One process, one connection, one thread. Where a client has more than one way to do a thing, each
way is a contender, so that what it promises stays beside what it costs.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.clients import beanstalkd, nats, rabbitmq, redis, way, zoldyq
from benchmarks.figures import Benchmark, Probe, Stage


def _prepare(stage: Stage) -> Iterable[Probe]:
    ways: list[way.Way] = []
    for family in (zoldyq, redis, rabbitmq, nats, beanstalkd):
        ways += stage.optional(family.ways) or []
    for work in (way.SEND, way.SEND_MANY, way.TAKE, way.TAKE_MANY):
        yield from (way.probe(each) for each in ways if each.work == work)


BENCHMARK = Benchmark("clients", "from a Python program, one connection", _prepare)
