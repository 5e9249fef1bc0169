"""``zoldyq profile`` and ``--profile``."""

from __future__ import annotations

import json
import stat

import pytest

from tests.cli.runner import zoldyq

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def home(tmp_path):
    """Variables with a folder for profiles of the test's own, and without a server."""
    return {"XDG_CONFIG_HOME": str(tmp_path), "ZOLDYQ_URL": ""}


def test_a_profile_says_where_the_server_is(server, home):
    added = zoldyq("", "profile", "add", "local", "--url", server.url, env=home)
    assert (added.returncode, added.stderr) == (0, "")
    assert added.stdout.startswith("added profile local in ")
    for args in (("--profile", "local", "queues"), ("queues", "--profile", "local")):
        assert zoldyq("", *args, env=home).returncode == 0
    assert zoldyq("", "queues", env={**home, "ZOLDYQ_PROFILE": "local"}).returncode == 0


def test_only_its_owner_reads_the_file(home, tmp_path):
    zoldyq("", "profile", "add", "a", "--url", NOWHERE, "--token", "hunter2", env=home)
    (file,) = (tmp_path / "zoldyq").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "hunter2" in file.read_text()


def test_the_token_of_a_profile_is_sent_and_never_shown(start_server, home, tmp_path):
    url = start_server(token="hunter2").url
    file = tmp_path / "secret"
    file.write_text("hunter2\n")
    zoldyq("", "profile", "add", "a", "--url", url, "--token", "hunter2", env=home)
    zoldyq("", "profile", "add", "b", "--url", url, "--token-file", str(file), env=home)
    for name in ("a", "b"):
        assert zoldyq("", "--profile", name, "queues", env=home).returncode == 0
    listed = zoldyq("", "profile", "list", env=home).stdout + (
        zoldyq("", "profile", "list", "--json", env=home).stdout
    )
    assert "hunter2" not in listed
    assert str(file) in listed


def test_the_token_of_the_environment_does_not_go_to_a_profile(start_server, home):
    url = start_server(token="hunter2").url
    zoldyq("", "profile", "add", "a", "--url", url, env=home)
    env = {**home, "ZOLDYQ_TOKEN": "hunter2"}
    assert zoldyq("", "--profile", "a", "queues", env=env).returncode == 1
    assert zoldyq("", "--url", url, "queues", env=env).returncode == 0


def test_an_option_replaces_the_token_of_a_profile(start_server, home):
    url = start_server(token="right").url
    zoldyq("", "profile", "add", "a", "--url", url, "--token", "wrong", env=home)
    assert zoldyq("", "--profile", "a", "queues", env=home).returncode == 1
    assert zoldyq("", "--profile", "a", "queues", "--token", "right", env=home).returncode == 0


def test_profiles_are_listed_replaced_and_removed(home):
    assert zoldyq("", "profile", "list", env=home).stdout == "no profiles\n"
    zoldyq("", "profile", "add", "a", "--url", NOWHERE, env=home)
    again = zoldyq("", "profile", "add", "a", "--url", "http://127.0.0.1:2", env=home)
    assert again.stdout.startswith("replaced profile a")
    listed = json.loads(zoldyq("", "profile", "list", "--json", env=home).stdout)
    assert {name: each["url"] for name, each in listed.items()} == {"a": "http://127.0.0.1:2"}
    assert zoldyq("", "profile", "remove", "a", env=home).stdout == "removed profile a\n"
    assert zoldyq("", "profile", "list", env=home).stdout == "no profiles\n"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--profile", "b", "queues"), "there is no profile 'b'; known are a"),
        (("--profile", "a", "--url", NOWHERE, "queues"), "--url or --profile, not both"),
        (("profile", "remove", "b"), "there is no profile 'b'"),
        (("profile", "add", "b"), "say where the server is, with --url"),
        (("profile", "add", "b", "--url", "localhost:9000"), "http://127.0.0.1:9000"),
        (("profile", "add", "../b", "--url", NOWHERE), "a profile's name has"),
        (
            ("profile", "add", "b", "--url", NOWHERE, "--token", "x", "--token-file", "y"),
            "--token or --token-file, not both",
        ),
        (
            ("queues", "--url", NOWHERE, "--token-file", "/nowhere"),
            "cannot read the token file /nowhere",
        ),
    ],
)
def test_wrong_usage_is_told(args, told, home):
    zoldyq("", "profile", "add", "a", "--url", NOWHERE, env=home)
    done = zoldyq("", *args, env=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr


def test_two_variables_that_name_a_server_are_an_error(home):
    done = zoldyq("", "queues", env={**home, "ZOLDYQ_URL": NOWHERE, "ZOLDYQ_PROFILE": "a"})
    assert done.returncode == 2
    assert "unset one of them" in done.stderr


def test_a_file_that_holds_something_else_is_told(home, tmp_path):
    (tmp_path / "zoldyq").mkdir()
    (tmp_path / "zoldyq" / "profiles.json").write_text("[1]")
    done = zoldyq("", "--profile", "a", "queues", env=home)
    assert done.returncode == 2
    assert "holds no profiles" in done.stderr


def test_names_of_profiles_are_completed(home):
    zoldyq("", "profile", "add", "prod", "--url", NOWHERE, env=home)
    env = {**home, "_ZOLDYQ_COMPLETE": "bash_complete", "COMP_LINE": "zoldyq --profile p"}
    assert zoldyq("", env=env).stdout.split() == ["plain,prod"]
