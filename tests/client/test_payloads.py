"""Batches, and texts that are looked at before they are sent."""

from __future__ import annotations

import pytest

from zoldyq.client.payloads import batches, checked
from zoldyq.contract.errors import InvalidJson


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([1], [1]),
        ([1, 1, 1, 1], [3, 1]),
        ([5, 5, 1], [2, 1]),
        ([5, 6], [1, 1]),
        ([20, 1, 20], [1, 1, 1]),
    ],
)
def test_batches_hold_at_most_three_messages_and_ten_bytes(sizes, expected):
    payloads = [b"x" * size for size in sizes]
    made = list(batches(payloads, 3, 10))
    assert [len(batch) for batch in made] == expected
    assert [payload for batch in made for payload in batch] == payloads


def test_batches_are_made_as_they_are_needed():
    def endless():
        while True:
            yield b"1"

    assert next(batches(endless(), 2, 100)) == [b"1", b"1"]


@pytest.mark.parametrize("text", ["1", b"1", bytearray(b"1")])
def test_text_and_bytes_are_taken(text):
    assert checked(text) == b"1"


@pytest.mark.parametrize("text", ["", "1 2", "[", b"\xff", b'"\xc3"', "[" * 100_000])
def test_other_texts_are_refused(text):
    with pytest.raises(InvalidJson):
        checked(text)
