"""Refusals are counted by code, and answered in one form."""

from __future__ import annotations

import json
import logging

import pytest

from tests.helpers import run_all
from zoldyq.contract.errors import MethodNotAllowed, QueueFull
from zoldyq.server.api.refusals import Refusals


def test_refusals_are_counted_by_their_codes() -> None:
    refusals = Refusals()
    refusals.refuse(QueueFull("there is no room"))
    refusals.count("queue_full")
    refusals.count("unauthorized")
    assert refusals.snapshot() == {"queue_full": 2, "unauthorized": 1}


def test_a_snapshot_does_not_change() -> None:
    refusals = Refusals()
    before = refusals.snapshot()
    refusals.count("queue_full")
    assert before == {}


def test_no_refusal_is_missed_when_threads_count_at_once() -> None:
    refusals = Refusals()

    def count() -> None:
        for _ in range(2_000):
            refusals.count("queue_full")

    run_all([count] * 4)
    assert refusals.snapshot() == {"queue_full": 8_000}


def test_a_refusal_is_answered_with_its_document_and_headers() -> None:
    reply = Refusals().refuse(QueueFull("there is no room"), (("X-Own", "1"),))
    assert reply.status == 429
    assert json.loads(reply.body)["error"] == "queue_full"
    assert ("X-Own", "1") in reply.headers


def test_a_method_that_is_not_allowed_comes_with_those_that_are() -> None:
    reply = Refusals().refuse(MethodNotAllowed("this path takes GET", allow="GET"))
    assert ("Allow", "GET") in reply.headers


def test_a_fault_is_logged_and_the_client_learns_nothing_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusals = Refusals()
    with caplog.at_level(logging.ERROR):
        reply = refusals.refuse(ZeroDivisionError("the secret reason"))
    assert reply.status == 500
    assert json.loads(reply.body)["error"] == "internal_error"
    assert b"secret" not in reply.body
    assert caplog.records[0].exc_info is not None
    assert refusals.snapshot() == {"internal_error": 1}
