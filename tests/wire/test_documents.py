"""The documents that are written from templates are those that the OpenAPI document describes."""

from __future__ import annotations

import msgspec
import pytest

from zoldyq import wire
from zoldyq.queue import Delivery, Message, MessageQueue, Receipt
from zoldyq.wire import documents

ONE = [Message(b"1.10", 5)]
SEVERAL = [Message(b"1", 5), Message(b'{"a": [2]}', 5), Message(b'"3"', 6)]


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (wire.enqueued("a", Receipt(1, 4, 5), batch=False), documents.Enqueued),
        (wire.enqueued("a", Receipt(3, 4, 5), batch=True), documents.Enqueued),
        (wire.delivery_reply("a", Delivery(ONE, 9), False, None).body, documents.Message),
        (wire.delivery_reply("a", Delivery(ONE, 9), True, None).body, documents.Messages),
        (wire.delivery_reply("a", Delivery(SEVERAL, 9), True, None).body, documents.Messages),
        (wire.peek_reply("a", Delivery(SEVERAL, 9), lines=None).body, documents.Messages),
        (wire.peek_reply("a", Delivery([], 9), lines=None).body, documents.Messages),
        (wire.streamed_one_by_one("a", ONE)[0], documents.StreamedMessage),
        (wire.streamed("a", SEVERAL), documents.StreamedMessages),
    ],
)
def test_a_template_writes_what_the_encoder_would(
    body: bytes, document: type[msgspec.Struct]
) -> None:
    assert msgspec.json.encode(msgspec.json.decode(body, type=document)) == body


def test_the_document_of_a_queue_has_its_name_and_every_figure() -> None:
    stats = MessageQueue("a", 4).stats()
    document = msgspec.json.encode(documents.queue_document("a", stats))
    (figures,) = [msgspec.json.decode(msgspec.json.encode(stats))]
    assert msgspec.json.decode(document) == {"queue_name": "a", **figures}
