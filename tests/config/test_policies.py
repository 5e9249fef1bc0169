"""Policies of queues in the settings, and queues that the file declares."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoldyq.config import Settings
from zoldyq.contract.errors import InvalidSetting

DEFAULTS = {
    "capacity": 100_000,
    "max_bytes": None,
    "ttl_seconds": None,
    "overflow": "reject",
    "idle_seconds": None,
}

FILE = """
max_queues = 3
auto_create = false

[queues.emails]
capacity = 5000

[queues."metrics.*"]
capacity = 1_000_000
ttl_seconds = 60
overflow = "drop_oldest"

[queues."*"]
max_bytes = "64Mi"
idle_seconds = "10m"

[queues."metrics.cpu"]
ttl_seconds = "none"
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load settings from a file with this text."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Settings:
        Path("zoldyq.toml").write_text(text, encoding="utf-8")
        return Settings.load(environ={}, file=Path("zoldyq.toml"))

    return write


def test_without_a_file_the_defaults_hold_for_all_queues():
    assert Settings().queue_fields("a") == DEFAULTS


def test_defaults_come_from_the_settings():
    flags = {"default_queue_ttl_seconds": "5s", "default_queue_overflow": "drop_oldest"}
    environ = {"ZOLDYQ_DEFAULT_QUEUE_MAX_BYTES": "1Mi", "ZOLDYQ_DEFAULT_QUEUE_IDLE_SECONDS": "1h"}
    assert Settings.load(flags, environ).queue_fields("a") == {
        "capacity": 100_000,
        "max_bytes": 1 << 20,
        "ttl_seconds": 5,
        "overflow": "drop_oldest",
        "idle_seconds": 3600,
    }


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("emails", {"capacity": 5000}),
        ("metrics.disk", {"capacity": 10**6, "ttl_seconds": 60, "overflow": "drop_oldest"}),
        # A plain name wins over patterns that stand before it.
        ("metrics.cpu", {}),
        # The first pattern that matches wins; later ones add nothing.
        ("other", {"max_bytes": 64 << 20, "idle_seconds": 600}),
    ],
)
def test_a_plain_name_wins_over_patterns_and_the_first_pattern_over_others(load, name, fields):
    settings = load(FILE)
    assert settings.queue_fields(name) == {**DEFAULTS, **fields}
    assert settings.auto_create is False


@pytest.mark.parametrize("value", ["none", "None", " none "])
def test_none_switches_a_default_off(value):
    settings = Settings.load({"default_queue_ttl_seconds": value}, {})
    assert settings.default_queue_ttl_seconds is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("queues = 3", "zoldyq.toml: write a table [queues.NAME] for each queue"),
        ("[queues]\na = 3", "[queues.a] in zoldyq.toml: write a table with fields"),
        ("[queues.'a b']", "[queues.a b] in zoldyq.toml: 'a b' matches no queue name"),
        ("[queues.a]\ncapacty = 1", "'capacty' is no field of a queue; did you mean capacity?"),
        ("[queues.a]\ncolour = 1", "known are capacity, max_bytes, ttl_seconds, overflow, idle"),
        ("[queues.a]\ncapacity = 0", "[queues.a] in zoldyq.toml: capacity: 0 is not allowed"),
        ("[queues.a]\nmax_bytes = 1", "max_bytes: 1 is not allowed; give bytes from 1KiB"),
        ("[queues.a]\nttl_seconds = 0", "ttl_seconds: 0 is not allowed"),
        ("[queues.a]\nttl_seconds = '32d'", "ttl_seconds: '32d' is not allowed"),
        ("[queues.a]\noverflow = 'drop'", "give reject or drop_oldest"),
        ("[queues.a]\nidle_seconds = 0.5", "idle_seconds: 0.5 is not allowed"),
        ("max_queues = 1\n[queues.a]\n[queues.b]\n", "the file declares 2 queues, more than max"),
    ],
)
def test_a_mistake_is_one_line(load, text, told):
    with pytest.raises(InvalidSetting) as caught:
        load(text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_patterns_do_not_count_as_queues(load):
    assert len(load("max_queues = 1\n[queues.a]\n[queues.'b*']\n").declared_queues) == 2


@pytest.mark.parametrize(
    ("given", "read"),
    [("true", True), ("No", False), (" on ", True), ("0", False), (True, True), (False, False)],
)
def test_switches(given, read):
    assert Settings.load({"auto_create": given}, {}).auto_create is read


@pytest.mark.parametrize("given", ["maybe", "2", 1, "2 "])
def test_what_is_no_switch_is_refused(given):
    with pytest.raises(InvalidSetting, match="give true or false"):
        Settings.load({"auto_create": given}, {})
