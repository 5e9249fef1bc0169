"""Pauses between attempts to connect."""

from __future__ import annotations

from zoldyq.client.backoff import Backoff


def test_pauses_grow_up_to_five_seconds():
    backoff = Backoff()
    for longest in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0):
        assert longest / 2 <= backoff.next() <= longest


def test_only_a_message_or_a_connection_that_lasted_makes_them_short_again():
    backoff = Backoff()
    for _ in range(10):
        backoff.next()
        backoff.good(0.5)
    assert backoff.next() >= 2.5
    backoff.good(5.0)
    assert backoff.next() <= 0.1
    for _ in range(10):
        backoff.next()
    backoff.good()
    assert backoff.next() <= 0.1
