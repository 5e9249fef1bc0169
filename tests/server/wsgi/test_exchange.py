"""What a request takes goes back unless all of its reply was written."""

from __future__ import annotations

import pytest

from zoldyq.queue import Delivery, Message
from zoldyq.server.wsgi.exchange import PIECE_BYTES, Handover
from zoldyq.wire import Reply

MESSAGES = Delivery([Message(b"1", 1)], 0, (0,))


class Waiting:
    """A wait, as an operation returns it."""

    timeout = 1.0

    def __init__(self) -> None:
        self.abandoned = 0

    def finish(self, *, expired: bool = False) -> Reply:
        raise AssertionError("it is not finished in these tests")

    def abandon(self) -> None:
        self.abandoned += 1


def handover_of(reply: Reply) -> tuple[Handover, list[Reply]]:
    """A handover that owns a reply, and the replies that were put back."""
    put_back: list[Reply] = []
    handover = Handover(put_back.append)
    handover.outcome = reply
    return handover, put_back


@pytest.mark.parametrize("size", [1, PIECE_BYTES - 1, PIECE_BYTES, 3 * PIECE_BYTES + 1])
def test_a_body_that_was_taken_whole_is_delivered(size: int) -> None:
    text = bytes(index % 251 for index in range(size))
    handover, put_back = handover_of(Reply(200, text, delivered=MESSAGES))
    body = handover.body_of([text])
    pieces = list(body)
    handover.close()
    assert b"".join(pieces) == text
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert put_back == []


def test_a_body_of_which_nothing_was_taken_goes_back() -> None:
    reply = Reply(200, b"text", delivered=MESSAGES)
    handover, put_back = handover_of(reply)
    handover.body_of([reply.body])
    handover.close()
    assert put_back == [reply]


def test_a_body_whose_last_piece_could_not_be_written_goes_back() -> None:
    reply = Reply(200, b"text", delivered=MESSAGES)
    handover, put_back = handover_of(reply)
    next(iter(handover.body_of([reply.body])))
    handover.close()
    assert put_back == [reply]


def test_messages_go_back_if_another_body_is_sent_instead() -> None:
    reply = Reply(200, b"text", delivered=MESSAGES)
    handover, put_back = handover_of(reply)
    refusal = [b"a fault"]
    assert handover.body_of(refusal) is refusal
    assert put_back == [reply]


def test_messages_go_back_once() -> None:
    handover, put_back = handover_of(Reply(200, b"text", delivered=MESSAGES))
    handover.close()
    handover.close()
    assert len(put_back) == 1


def test_a_wait_that_was_not_finished_is_abandoned_once() -> None:
    handover = Handover(lambda reply: None)
    handover.outcome = wait = Waiting()  # type: ignore[assignment]
    assert list(handover.body_of([b"a fault"])) == [b"a fault"]
    handover.close()
    assert wait.abandoned == 1


def test_a_request_that_took_nothing_is_written_as_it_is() -> None:
    handover = Handover(lambda reply: None)
    assert list(handover.body_of([b"text"])) == [b"text"]
