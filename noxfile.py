"""The commands of this repository, each under one name: ``nox -l`` lists them.

Every session makes a virtual environment of its own and uses it again the next time. In an
environment that already holds everything, ``nox --no-venv --no-install -s lint`` uses that one
instead; ``.ci/run`` does so.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.2.9"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "fast"]

#: Where the tests start no other process, or hardly any.
FAST = (
    *("tests/client", "tests/config", "tests/metrics", "tests/queue", "tests/server", "tests/wire"),
    *(
        "tests/test_imports.py",
        "tests/test_init.py",
        "tests/test_modules.py",
        "tests/test_tooling.py",
    ),
)


@nox.session
def lint(session: nox.Session) -> None:
    """Look for mistakes and at the format: ruff."""
    session.install("ruff>=0.14")
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check", *session.posargs)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types: mypy, strict."""
    session.install("-e", ".[test,dev]")
    session.run("mypy", *session.posargs)


@nox.session
def test(session: nox.Session) -> None:
    """Run all tests, or those that are named: ``nox -s test -- tests/queue -k order``."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def fast(session: nox.Session) -> None:
    """Run the tests that take less than a minute together."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", "-m", "not slow", *FAST, *session.posargs)


@nox.session
def reactors(session: nox.Session) -> None:
    """Run the trust suite on a server with two event loops."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", "tests/trust", *session.posargs, env={"TEST_REACTORS": "2"})


@nox.session
def docs(session: nox.Session) -> None:
    """Run what the documents show, and check their links and their completeness."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", "tests/docs", "tests/test_named_tests.py", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Run all tests, measure what they run, also in other processes, and hold it to the floor."""
    session.install("-e", ".[test,dev]")
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def pictures(session: nox.Session) -> None:
    """Make the pictures of the dashboard in the documentation again: needs Chromium."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.ui.pictures")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure beside other servers: ``nox -s bench -- --only single``."""
    session.install("-e", ".[bench,test]")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Run everything at once for ten minutes and account for every message."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.trust.soak", *session.posargs)


@nox.session
def outages(session: nox.Session) -> None:
    """Stop, kill, fork and cut off programs for ten minutes, and account for every message."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.trust.outages", *session.posargs)


@nox.session
def engine(session: nox.Session) -> None:
    """Kill, freeze and cut off front ends and their Redis, and account for every message."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.trust.engine", *session.posargs)


@nox.session
def policies(session: nox.Session) -> None:
    """Load queues with every policy for ten minutes, and account for every message."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.trust.policies", *session.posargs)


@nox.session
def engine_sets(session: nox.Session) -> None:
    """Kill and replace primaries of sentinels and of a Cluster under load, and move slots."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.trust.engine_sets", *session.posargs)


@nox.session
def backends(session: nox.Session) -> None:
    """Run the whole contract over Redis, sentinels and a Cluster, and the tests of the engine.

    ``TEST_REDIS_SERVER`` names another program than ``redis-server``, such as ``valkey-server``.
    """
    session.install("-e", ".[test]")
    tests = ("tests/engine", "tests/contract")
    session.run(
        *("pytest", "-q", "-k", "redis or engine", *tests, *session.posargs),
        env={"TEST_ENGINES": "all"},
    )


@nox.session
def tls_scan(session: nox.Session) -> None:
    """Ask what the TLS port accepts, and compare with what is recommended: sslyze."""
    session.install("-e", ".[test]", "sslyze>=6.3")
    session.run("python", "-m", "tests.trust.tls_scan", *session.posargs)


@nox.session
def manifests(session: nox.Session) -> None:
    """Check the manifests against the schemas of the oldest and the newest Kubernetes at hand."""
    session.install("kubernetes-validate>=1.34")
    for version in ("1.27", "1.34"):
        command = ("kubernetes-validate", "--strict", "-k", version)
        session.run(
            *command, "contrib/kubernetes/zoldyq.yaml", "contrib/kubernetes/zoldyq-redis.yaml"
        )
