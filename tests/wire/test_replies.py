from __future__ import annotations

import msgspec
import pytest

from zoldyq import wire
from zoldyq.contract.errors import (
    MissingPayload,
    QueueClosed,
    QueueFull,
    Unauthorized,
    UpgradeRequired,
)
from zoldyq.queue import Delivery, Message, Receipt
from zoldyq.wire import NDJSON

NO_STORE = ("Cache-Control", "no-store")


class TestReplies:
    def test_an_acknowledgement(self) -> None:
        reply = wire.enqueue_reply("emails", Receipt(1, 1234, 42), batch=False)
        assert reply.body == (
            b'{"queued":true,"queue_name":"emails","queue_size":1234,"enqueued_at":42}'
        )
        assert (reply.status, reply.content_type) == (200, "application/json")
        assert NO_STORE in reply.headers

    def test_the_acknowledgement_of_a_batch(self) -> None:
        assert wire.enqueue_reply("emails", Receipt(3, 7, 42), batch=True).body == (
            b'{"queued":true,"queue_name":"emails","count":3,"queue_size":7,"enqueued_at":42}'
        )

    def test_a_delivery_carries_the_messages_for_the_case_that_it_fails(self) -> None:
        messages = [Message(b"1.10", 42)]
        delivery = Delivery(messages, 9)
        reply = wire.delivery_reply("emails", delivery, batch=False, lines=None)
        assert reply.body == (
            b'{"payload":1.10,"queue_name":"emails","queue_size":9,"enqueued_at":42}'
        )
        assert (reply.queue_name, reply.delivered) == ("emails", delivery)
        assert NO_STORE in reply.headers

    def test_a_batch_tells_the_time_of_each_message(self) -> None:
        messages = [Message(b"1", 5), Message(b"2", 5), Message(b"3", 6), Message(b"4", 5)]
        reply = wire.delivery_reply("emails", Delivery(messages, 0), batch=True, lines=None)
        assert reply.body == (
            b'{"messages":[{"payload":1,"enqueued_at":5},{"payload":2,"enqueued_at":5},'
            b'{"payload":3,"enqueued_at":6},{"payload":4,"enqueued_at":5}],'
            b'"queue_name":"emails","count":4,"queue_size":0}'
        )

    @pytest.mark.parametrize("batch", [False, True])
    @pytest.mark.parametrize("lines", [None, NDJSON])
    def test_nothing_came(self, batch: bool, lines: str | None) -> None:
        reply = wire.delivery_reply("emails", Delivery([], 0), batch, lines)
        assert (reply.status, reply.body, reply.delivered) == (204, b"", None)

    def test_lines_are_not_torn_by_a_payload_that_spans_some(self) -> None:
        messages = [Message(b"[1,\r\n2]", 1), Message(b'"a\\n"', 2), Message(b"[\n]", 3)]
        reply = wire.delivery_reply("emails", Delivery(messages, 0), True, NDJSON)
        assert reply.body == b'[1,  2]\n"a\\n"\n[ ]\n'
        assert reply.content_type == "application/x-ndjson"

    def test_a_look_is_no_delivery(self) -> None:
        delivery = Delivery([Message(b"1", 5)], 3)
        reply = wire.peek_reply("emails", delivery, lines=None)
        assert reply.body == (
            b'{"messages":[{"payload":1,"enqueued_at":5}],'
            b'"queue_name":"emails","count":1,"queue_size":3}'
        )
        assert reply.delivered is None
        assert wire.peek_reply("emails", delivery, lines=NDJSON).body == b"1\n"

    def test_a_look_at_nothing(self) -> None:
        reply = wire.peek_reply("emails", Delivery([], 0), lines=None)
        assert reply.body == b'{"messages":[],"queue_name":"emails","count":0,"queue_size":0}'
        assert wire.peek_reply("emails", Delivery([], 0), lines=NDJSON).body == b""

    def test_what_a_websocket_carries(self) -> None:
        messages = [Message(b"1.10", 5), Message(b"{}", 6)]
        assert wire.streamed_one_by_one("emails", messages) == [
            b'{"payload":1.10,"queue_name":"emails","enqueued_at":5}',
            b'{"payload":{},"queue_name":"emails","enqueued_at":6}',
        ]
        assert wire.streamed("emails", messages) == (
            b'{"messages":[{"payload":1.10,"enqueued_at":5},{"payload":{},"enqueued_at":6}],'
            b'"queue_name":"emails","count":2}'
        )

    def test_a_refused_websocket_message(self) -> None:
        assert msgspec.json.decode(wire.not_enqueued(QueueFull("full", queue_size=3))) == {
            "queued": False,
            "error": "queue_full",
            "message": "full",
            "queue_size": 3,
        }


class TestErrors:
    def test_the_document_tells_code_text_and_details(self) -> None:
        reply = wire.error_reply(QueueFull("consume faster", queue_name="emails", queue_size=3))
        assert reply.status == 429
        assert msgspec.json.decode(reply.body) == {
            "error": "queue_full",
            "message": "consume faster",
            "queue_name": "emails",
            "queue_size": 3,
        }
        assert NO_STORE in reply.headers
        assert ("Retry-After", "1") in reply.headers

    def test_only_what_may_succeed_later_says_when(self) -> None:
        assert "Retry-After" not in dict(wire.error_reply(MissingPayload("none")).headers)

    def test_some_codes_come_with_headers(self) -> None:
        unauthorized = dict(wire.error_reply(Unauthorized("token?")).headers)
        assert unauthorized["WWW-Authenticate"] == "Bearer"
        upgrade = dict(wire.error_reply(UpgradeRequired("13, please")).headers)
        assert (upgrade["Upgrade"], upgrade["Sec-WebSocket-Version"]) == ("websocket", "13")

    def test_headers_of_the_caller_are_kept(self) -> None:
        reply = wire.error_reply(MissingPayload("none"), (("Allow", "GET"),))
        assert ("Allow", "GET") in reply.headers

    def test_an_error_that_no_server_sends_makes_no_reply(self) -> None:
        with pytest.raises(TypeError):
            wire.error_reply(QueueClosed("closed"))
