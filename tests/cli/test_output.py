"""Durations, sizes, numbers of messages, and how far a command is."""

from __future__ import annotations

import pytest

from zoldyq.cli.output import messages, seconds, size
from zoldyq.cli.progress import Progress, bar


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.0s"),
        (59.94, "59.9s"),
        (60, "1m00s"),
        (3_599, "59m59s"),
        (7_260, "2h01m"),
        (180_000, "2d02h"),
    ],
)
def test_durations(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (1 << 30, "1.0 GiB"), (3 << 41, "6.0 TiB")],
)
def test_sizes(count, text):
    assert size(count) == text


def test_one_message_and_many():
    assert [messages(count) for count in (0, 1, 1_000)] == [
        "0 messages",
        "1 message",
        "1,000 messages",
    ]


@pytest.mark.parametrize(
    ("part", "text"), [(0, "[....]"), (0.5, "[##..]"), (1, "[####]"), (1.3, "[####]")]
)
def test_bars(part, text):
    assert bar(part, 4) == text


def test_progress_tells_number_and_rate():
    assert Progress("sent").line(3_000, 2.0) == "sent 3,000 (1,500/s)"
    assert Progress("sent", 2).line(1, 1.0).endswith("#" * 15 + "." * 15 + "] 1 (1/s)")


def test_progress_is_silent_where_there_is_no_terminal(capsys):
    with Progress("sent") as progress:
        progress.show(1)
    assert capsys.readouterr() == ("", "")
