"""What replies are read as."""

from __future__ import annotations

import inspect
import sys
from contextlib import contextmanager
from dataclasses import fields

import pytest

from zoldyq.client.documents import Batch, Health, Message, Purged, decode
from zoldyq.client.errors import UnexpectedReply, UnreadablePayload
from zoldyq.contract.statistics import FIGURES


def test_fields_of_later_servers_are_passed_over():
    assert decode(b'{"purged":3,"colour":"red"}', Purged).purged == 3


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"{}", b'{"purged":"three"}'])
def test_another_document_is_told(body):
    with pytest.raises(UnexpectedReply, match="check the address"):
        decode(body, Purged)


def test_a_message_shows_its_text_and_decodes_it_on_demand():
    (message,) = decode(b'{"messages":[{"payload":[1.10, 2],"enqueued_at":7}]}', Batch).messages
    assert isinstance(message, Message)
    assert message.raw == b"[1.10, 2]"
    assert message.payload == [1.1, 2]
    assert repr(message) == "Message(raw=b'[1.10, 2]', enqueued_at=7)"


def test_statistics_have_every_figure_of_the_contract(queue):
    queue.enqueue_many(range(3))
    stats = queue.stats()
    assert {figure.name for figure in FIGURES} <= {each.name for each in fields(stats)}
    assert (stats.size, stats.enqueued_total, stats.overflow) == (3, 3, "reject")


def test_a_server_may_tell_a_stranger_less():
    health = decode(b'{"status":"healthy","uptime_seconds":1.5,"version":"1"}', Health)
    assert (health.status, health.total_queues, health.queues) == ("healthy", None, {})


@pytest.mark.parametrize("raw", [b"1e400", b"-1e400", b"9" * 5_000, b'"\xff"', b'{"a":[1e999]}'])
def test_a_payload_that_python_cannot_hold_leaves_its_text(raw):
    message = decode(b'{"payload":%b,"enqueued_at":7}' % raw, Message)
    with pytest.raises(UnreadablePayload, match="raw") as refused:
        _ = message.payload
    assert message.raw == refused.value.raw == raw


def test_a_nested_payload_is_read_on_a_stack_that_is_nearly_full():
    text = b"[" * 300 + b"]" * 300
    reply = b'{"payload":%b,"enqueued_at":7}' % text

    def read(depth: int) -> Message:
        return read(depth - 1) if depth else decode(reply, Message)

    with deep_stack():
        assert read(sys.getrecursionlimit() - 200 - len(inspect.stack())).raw == text


@contextmanager
def deep_stack():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(600)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
