"""Clients that the environment describes."""

from __future__ import annotations

import pytest

from zoldyq.client import Client, InvalidOption, InvalidUrl
from zoldyq.client.environment import options_from


def test_without_variables_it_is_the_server_of_this_machine():
    client = Client.from_env({})
    assert client.url == Client().url
    assert "Authorization" not in client.headers


def test_it_says_where_the_server_is_and_what_opens_it():
    client = Client.from_env({"ZOLDYQ_URL": " http://x:1 ", "ZOLDYQ_TOKEN": "first, second"})
    assert client.url == "http://x:1"
    assert client.headers["Authorization"] == "Bearer first"


def test_a_file_may_hold_the_token(tmp_path):
    path = tmp_path / "token"
    path.write_text("s3cret\nand more\n")
    client = Client.from_env({"ZOLDYQ_TOKEN_FILE": str(path)})
    assert client.headers["Authorization"] == "Bearer s3cret"
    with pytest.raises(InvalidOption, match="nowhere: No such file"):
        Client.from_env({"ZOLDYQ_TOKEN_FILE": str(tmp_path / "nowhere")})
    path.write_bytes(b"s3cret\xff")
    with pytest.raises(InvalidOption) as refused:
        Client.from_env({"ZOLDYQ_TOKEN_FILE": str(path)})
    assert "s3cret" not in repr(refused.value)


def test_empty_variables_say_nothing():
    names = ("URL", "TOKEN", "CACERT", "CERT", "KEY", "INSECURE")
    assert options_from({f"ZOLDYQ_{name}": "" for name in names}) == {}


def test_it_names_the_files_for_tls():
    environment = {"ZOLDYQ_CACERT": "a", "ZOLDYQ_CERT": "b", "ZOLDYQ_KEY": "c"}
    expected = {"ca_file": "a", "cert_file": "b", "key_file": "c"}
    assert options_from(environment) == expected


@pytest.mark.parametrize(
    ("value", "options"), [("1", {"verify": False}), ("true", {"verify": False}), ("0", {})]
)
def test_it_says_whether_any_certificate_will_do(value, options):
    assert options_from({"ZOLDYQ_INSECURE": value}) == options


def test_wrong_values_are_refused():
    with pytest.raises(InvalidOption, match="ZOLDYQ_INSECURE"):
        Client.from_env({"ZOLDYQ_INSECURE": "perhaps"})
    with pytest.raises(InvalidUrl):
        Client.from_env({"ZOLDYQ_URL": "localhost:9000"})
