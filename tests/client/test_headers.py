"""Headers of all requests: what cannot be sent is refused, and no value is ever shown."""

from __future__ import annotations

import pytest

from zoldyq.client import Client, InvalidOption
from zoldyq.client.headers import request_headers


@pytest.mark.parametrize("token", ["s3cret", " s3cret\n", "\ts3cret\r\n"])
def test_white_space_around_a_token_is_dropped(token):
    assert request_headers(token, None)["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize(
    "token", ["", " ", "s3 cret", "s3cret\nX-Evil: 1", "s3cr\u00e9t", "s3cret\0", b"s3cret"]
)
def test_a_token_that_cannot_be_sent_is_refused_and_not_repeated(token):
    with pytest.raises(InvalidOption) as refused:
        request_headers(token, None)
    assert "s3" not in f"{refused.value!r} {refused.value} {refused.value.details}"
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "s3cret"),
        ("content-length", "s3cret"),
        ("Transfer-Encoding", "s3cret"),
        ("Sec-WebSocket-Key", "s3cret"),
        ("Authorization", "s3cret"),
        ("X Y", "s3cret"),
        ("", "s3cret"),
        ("X", "s3cret\r\nY: 1"),
        ("X", "s3cret\u20ac"),
        ("X", b"s3cret"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused_and_its_value_not_repeated(name, value):
    with pytest.raises(InvalidOption) as refused:
        request_headers("token", {name: value})
    assert "s3cret" not in f"{refused.value!r} {refused.value}"


def test_no_repr_shows_a_value():
    client = Client("http://x", token="s3cret", headers={"X-Api-Key": "s3cret"})
    queue = client.queue("a")
    shown = [client, client.headers, queue, queue.consume(), vars(client)]
    assert "s3cret" not in f"{shown!r} {client.headers}"
    assert client.headers["X-Api-Key"] == "s3cret"
    assert "X-Api-Key" in repr(client.headers)
