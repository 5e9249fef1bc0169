from __future__ import annotations

import logging

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
