"""URLs of servers, and paths of queues."""

from __future__ import annotations

import pytest

from zoldyq.client.address import Address, queue_path
from zoldyq.client.errors import InvalidUrl


@pytest.mark.parametrize(
    ("url", "whole", "secure"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000", False),
        ("http://localhost/", "http://localhost:80", False),
        ("https://Example.org", "https://example.org:443", True),
        ("https://example.org/queues-of/mine/", "https://example.org:443/queues-of/mine", True),
        ("http://[::1]:9000", "http://[::1]:9000", False),
        ("unix:///run/my%20queues.sock", "unix:///run/my%20queues.sock", False),
    ],
)
def test_an_address_is_read_from_a_url(url, whole, secure):
    address = Address.parse(url)
    assert (address.url, address.secure) == (whole, secure)


def test_a_unix_socket_has_a_path_and_its_requests_a_host():
    address = Address.parse("unix:///run/my%20queues.sock")
    assert (address.unix_path, address.authority) == ("/run/my queues.sock", "localhost")
    assert address.target("/health") == "/health"


def test_paths_go_below_the_prefix():
    assert Address.parse("http://x/a/").target("/health") == "/a/health"


@pytest.mark.parametrize(
    "url",
    ["", "localhost:9000", "127.0.0.1:9000", "ftp://x", "http://", "http://x:port", "http://x:99999",
     "unix:", "unix:///", "unix://run/x.sock", "unix:///x?a", "http://me@x", "http://x?a",
     "http://x#a", "http://[::1"],
)  # fmt: skip
def test_what_names_no_server_is_refused(url):
    with pytest.raises(InvalidUrl):
        Address.parse(url)


def test_a_refused_url_with_a_password_is_not_repeated():
    with pytest.raises(InvalidUrl) as refused:
        Address.parse("http://me:secret@x")
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("emails", "/queues/emails"),
        ("a.b:c-d_e", "/queues/a.b:c-d_e"),
        ("..", "/queues/%2E%2E"),
        ("a/../b", "/queues/a%2F..%2Fb"),
        ("a?b#c", "/queues/a%3Fb%23c"),
        ("ä", "/queues/%C3%A4"),
    ],
)
def test_no_name_leads_to_another_path(name, path):
    assert queue_path(name) == path
    assert queue_path(name, "peek") == path + "/peek"
