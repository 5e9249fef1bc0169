from __future__ import annotations

import logging
import os
import pty
import sys

import pytest

from zoldyq.config import Settings
from zoldyq.server import machine, notices

MIB = 1 << 20


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


@pytest.mark.parametrize(
    ("limit", "warned"), [(None, False), (200 * MIB, False), (199 * MIB, True), (50 * MIB, True)]
)
def test_memory_below_twice_max_bytes_is_warned_of(
    monkeypatch: pytest.MonkeyPatch,
    said: pytest.LogCaptureFixture,
    limit: int | None,
    warned: bool,
) -> None:
    monkeypatch.setattr(machine, "memory_limit", lambda: limit)
    notices.warn(Settings(host="127.0.0.1", max_bytes=100 * MIB))
    assert ("less than twice max_bytes (100 MiB)" in said.text) is warned
    if warned:
        assert limit is not None
        assert f"set max_bytes to {limit // 2} or less" in said.text


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("redis://127.0.0.1:6379", "kept in Redis at 127.0.0.1:6379)"),
        ("rediss://user:secret@a:1/2", "kept in Redis at a:1/2)"),
        ("unix:///run/redis?db=2", "kept in Redis at /run/redis)"),
        ("redis+sentinel://:secret@a:1,b:2/n?sentinel_password=s", "kept in Redis at a:1,b:2/n)"),
    ],
)
def test_the_start_line_tells_which_redis_and_no_secret(
    capfd: pytest.CaptureFixture[str], backend: str, said: str
) -> None:
    notices.say_where(Settings(backend=backend), ["http://127.0.0.1:9000"])
    assert capfd.readouterr().out.splitlines()[0].endswith(said)


def test_a_bound_on_memory_that_redis_does_not_know_is_warned_of(
    said: pytest.LogCaptureFixture,
) -> None:
    notices.warn(Settings(host="127.0.0.1", backend="redis://127.0.0.1"))
    assert said.text == ""
    notices.warn(Settings(host="127.0.0.1", backend="redis://127.0.0.1", max_bytes=100 * MIB))
    assert "max_bytes does not apply to queues in Redis" in said.text


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        (Settings(host="0.0.0.0"), True),
        (Settings(host="localhost"), False),
        (Settings(host="::1"), False),
        (Settings(host="0.0.0.0", tokens=("a",)), False),
        (Settings(host="0.0.0.0", unix_socket="/x"), False),
    ],
)
def test_an_open_server_is_warned_of(
    said: pytest.LogCaptureFixture, settings: Settings, warned: bool
) -> None:
    notices.warn(settings)
    assert ("can use these queues" in said.text) is warned


def test_what_an_allocator_keeps_is_told_with_what_the_remedy_costs(
    monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(machine, "uses_mimalloc", lambda: True)
    monkeypatch.delenv("MIMALLOC_PURGE_DELAY", raising=False)
    notices.warn(Settings(host="127.0.0.1"))
    assert "MIMALLOC_PURGE_DELAY=0" in said.text
    assert "40 %" in said.text


@pytest.mark.parametrize(
    ("address", "settings", "steps"),
    [
        (
            "http://0.0.0.0:9000",
            Settings(),
            [
                "Dashboard:  http://127.0.0.1:9000/",
                "Try it:     curl http://127.0.0.1:9000/queues/hello/enqueue -d '{\"payload\": 1}'",
                "Stop it:    Ctrl-C",
            ],
        ),
        (
            "https://[::]:9000",
            Settings(tokens=("secret",)),
            [
                "Dashboard:  https://[::1]:9000/",
                (
                    "Try it:     curl https://[::1]:9000/queues/hello/enqueue "
                    '-H "Authorization: Bearer $TOKEN" -d \'{"payload": 1}\''
                ),
                "Stop it:    Ctrl-C",
            ],
        ),
        (
            "unix:/run/a queue.sock",
            Settings(),
            [
                (
                    "Try it:     curl --unix-socket '/run/a queue.sock' "
                    "http://localhost/queues/hello/enqueue -d '{\"payload\": 1}'"
                ),
                "Stop it:    Ctrl-C",
            ],
        ),
    ],
)
def test_a_person_is_told_what_to_do_first(
    address: str, settings: Settings, steps: list[str]
) -> None:
    assert [step.strip() for step in notices.first_steps(settings, [address])] == steps


def test_a_terminal_is_told_of_the_first_steps_and_a_program_of_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = []
    for reader, writer in (os.pipe(), pty.openpty()):
        with os.fdopen(writer, "w") as out, monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", out)
            notices.say_where(Settings(), ["http://127.0.0.1:9000"])
            told.append(os.read(reader, 10_000).decode().splitlines())
        os.close(reader)
    program, terminal = told
    assert len(program) == 1
    assert program == terminal[:1]
    assert terminal[-1].strip() == "Stop it:    Ctrl-C"
