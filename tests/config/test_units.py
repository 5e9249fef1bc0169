"""Sizes and durations with units."""

from __future__ import annotations

import pytest

from zoldyq.config.units import Bytes, Seconds

SIZE = Bytes(1, 1 << 45)
DURATION = Seconds(0, 1e6)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1024", 1024),
        ("1K", 1_000),
        ("1Ki", 1 << 10),
        ("512M", 512_000_000),
        ("512MB", 512_000_000),
        ("512Mi", 512 << 20),
        ("512MiB", 512 << 20),
        ("1G", 10**9),
        ("2gi", 2 << 30),
        (" 2 GiB ", 2 << 30),
        ("1T", 10**12),
        ("1_000k", 10**6),
    ],
)
def test_sizes(text, value):
    assert SIZE.parse(text) == value
    assert SIZE.parse(SIZE.show(value)) == value


@pytest.mark.parametrize("text", ["", "G", "1GG", "1.5G", "-1G", "1 kilo", "1iB", "B", "1e3"])
def test_what_is_no_size_is_refused_with_examples(text):
    with pytest.raises(ValueError, match=r"512M, 512Mi, 2G, 2GiB"):
        SIZE.parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("0.5", 0.5),
        ("1e3", 1000),
        ("5s", 5),
        ("500ms", 0.5),
        ("1.5m", 90),
        ("10M", 600),
        (" 2 h ", 7_200),
        ("1d", 86_400),
        (7, 7),
    ],
)
def test_durations(text, value):
    assert DURATION.parse(text) == value


@pytest.mark.parametrize("text", ["", "s", "5 seconds", "5ss", "-5s", "1h30m", "1e3s", "12d"])
def test_what_is_no_duration_is_refused_with_examples(text):
    with pytest.raises(ValueError, match=r"500ms, 5s, 10m or 2h"):
        DURATION.parse(text)


def test_durations_are_shown_without_exponents():
    assert Seconds(1e-3, 2_678_400).bounds == "0.001 to 2678400 seconds"
