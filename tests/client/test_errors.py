"""The codes of replies become the classes of the error tree."""

from __future__ import annotations

import inspect
import json

import pytest

from zoldyq import errors
from zoldyq.client.errors import UnexpectedReply, error_of
from zoldyq.wire import STATUS_OF, error_reply

CODED = {
    each.code: each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, errors.ZoldyQError)
}


@pytest.mark.parametrize("code", STATUS_OF)
def test_every_code_is_raised_as_its_class(code):
    sent = error_reply(CODED[code]("do this", queue_name="a"))
    error = error_of(sent.status, sent.body, "http://x")
    assert type(error) is CODED[code]
    assert (error.message, error.details) == ("do this", {"queue_name": "a"})


def test_a_code_that_is_not_known_here_keeps_its_text():
    body = json.dumps({"error": "too_late", "message": "come earlier", "hours": 2}).encode()
    error = error_of(418, body, "http://x")
    assert type(error) is UnexpectedReply
    assert error.message == "come earlier"
    assert error.details == {"hours": 2, "status": 418, "error": "too_late"}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"error":"x"}', b"\xff"])
def test_a_reply_that_is_no_error_document_is_told_with_address_and_status(body):
    error = error_of(502, body, "http://x:1")
    assert type(error) is UnexpectedReply
    assert "http://x:1 answered 502" in error.message
