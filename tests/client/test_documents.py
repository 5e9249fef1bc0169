"""What replies are read as."""

from __future__ import annotations

import pytest

from zoldyq.client.documents import Batch, Message, Purged, decode
from zoldyq.client.errors import UnexpectedReply


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
