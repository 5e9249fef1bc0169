"""The codes of replies become the classes of the error tree."""

from __future__ import annotations

import json
import ssl

import pytest

from zoldyq import errors
from zoldyq.client.errors import (
    GatewayReply,
    ServerUnreachable,
    UnexpectedReply,
    error_of,
    reason_of,
)
from zoldyq.contract.errors import ERRORS
from zoldyq.wire import error_reply


@pytest.mark.parametrize("code", sorted(set(ERRORS) - {"unauthorized"}))
def test_every_code_is_raised_as_its_class(code):
    sent = error_reply(ERRORS[code]("do this", queue_name="a"))
    error = error_of(sent.status, sent.body, "http://x")
    assert type(error) is ERRORS[code]
    assert (error.message, error.details) == ("do this", {"queue_name": "a"})


def test_a_code_that_is_not_known_here_keeps_its_text():
    body = json.dumps({"error": "too_late", "message": "come earlier", "hours": 2}).encode()
    error = error_of(418, body, "http://x")
    assert type(error) is UnexpectedReply
    assert error.message == "come earlier"
    assert error.details == {"hours": 2, "status": 418, "error": "too_late"}


STRANGE_BODIES = [b"", b"<html>", b"[]", b"{}", b'{"error":"x"}', b"\xff", b"[" * 100_000]


@pytest.mark.parametrize("body", STRANGE_BODIES)
@pytest.mark.parametrize("status", [200, 302, 400, 404])
def test_a_reply_of_a_stranger_is_told_with_address_and_status(status, body):
    error = error_of(status, body, "http://x:1")
    assert type(error) is UnexpectedReply
    assert f"http://x:1 answered {status}" in error.message


@pytest.mark.parametrize("body", STRANGE_BODIES)
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520])
def test_a_gateway_without_its_server_makes_the_server_unreachable(status, body):
    error = error_of(status, body, "http://x:1")
    assert isinstance(error, ServerUnreachable)
    assert type(error) is GatewayReply
    assert error.details == {"status": status}
    assert "may have done" in error.message


def test_a_wrong_token_and_a_missing_one_read_differently():
    body = json.dumps({"error": "unauthorized", "message": "send one"}).encode()
    missing = error_of(401, body, "http://x")
    wrong = error_of(401, body, "http://x", with_token=True)
    assert type(missing) is type(wrong) is errors.Unauthorized
    assert "has no token" in missing.message
    assert "does not know the token" in wrong.message


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("WRONG_VERSION_NUMBER", "no TLS is spoken there, write http://: "),
        ("CERTIFICATE_VERIFY_FAILED", "name its authority with ca_file or --cacert: "),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "name yours with cert_file or --cert: "),
        ("TLSV1_ALERT_UNKNOWN_CA", "it does not trust the authority of your certificate: "),
        ("SOMETHING_ELSE", ""),
    ],
)
def test_what_openssl_finds_is_told_with_what_to_do(reason, advice):
    found = ssl.SSLError(1, "[SSL] what it found")
    found.reason = reason
    assert reason_of(found).endswith(f"{advice}[SSL] what it found")
