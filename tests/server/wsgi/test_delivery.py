"""Messages go back unless all of their reply was taken."""

from __future__ import annotations

import pytest

from zoldyq.server.wsgi.delivery import PIECE_BYTES, DeliveryBody
from zoldyq.wire import Reply


def body_of(reply: Reply) -> tuple[DeliveryBody, list[Reply]]:
    """A body, and the replies that were put back."""
    put_back: list[Reply] = []
    return DeliveryBody(reply, put_back.append), put_back


@pytest.mark.parametrize("size", [1, PIECE_BYTES - 1, PIECE_BYTES, 3 * PIECE_BYTES + 1])
def test_a_body_that_was_taken_whole_is_delivered(size: int) -> None:
    text = bytes(index % 251 for index in range(size))
    body, put_back = body_of(Reply(200, text))
    pieces = list(body)
    body.close()
    assert b"".join(pieces) == text
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert put_back == []


def test_a_body_that_nobody_began_to_take_goes_back() -> None:
    reply = Reply(200, b"text")
    body, put_back = body_of(reply)
    body.close()
    assert put_back == [reply]


def test_a_body_whose_last_piece_could_not_be_written_goes_back() -> None:
    reply = Reply(200, b"text")
    body, put_back = body_of(reply)
    next(body)
    body.close()
    assert put_back == [reply]


def test_it_goes_back_once() -> None:
    body, put_back = body_of(Reply(200, b"text"))
    body.close()
    body.close()
    assert len(put_back) == 1
