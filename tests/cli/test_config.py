"""``zoldyq config check``."""

from __future__ import annotations

import pytest

from tests.cli.runner import zoldyq

FILE = """
port = 9001
tokens = ["hunter2"]
max_bytes = "512MiB"

[queues.emails]
capacity = 5000

[queues."metrics.*"]
ttl_seconds = 60
overflow = "drop_oldest"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "zoldyq.toml"
    path.write_text(FILE)
    return path


def check(*args, **variables):
    return zoldyq("", "config", "check", *map(str, args), env=variables)


def test_what_differs_from_the_defaults_is_shown_and_no_secret(file):
    done = check(file)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "port = 9001",
        "max_bytes = 512MiB",
        "tokens = (not shown)",
        "queue emails: capacity = 5000",
        "queue metrics.*: ttl_seconds = 60, overflow = drop_oldest",
    ]


def test_without_a_file_the_environment_is_read(file):
    assert check().stdout == "every setting has its default\n"
    assert check(ZOLDYQ_PORT="9002").stdout == "port = 9002\n"
    assert check(ZOLDYQ_CONFIG=str(file)).stdout.startswith("port = 9001\n")


def test_the_policy_of_a_queue_is_shown(file):
    done = check(file, "--queue", "metrics.cpu")
    assert done.stdout.splitlines() == [
        "capacity = 100000",
        "max_bytes = none",
        "ttl_seconds = 60",
        "overflow = drop_oldest",
        "idle_seconds = none",
    ]
    assert "capacity = 5000\n" in check(file, "--queue", "emails").stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 1", "no such setting; did you mean port?"),
        ("port = 'x'", "is not allowed; give a whole number"),
        ("port", "is not TOML"),
        ("[queues.'a b']", "matches no queue name"),
        ("max_queues = 1\n[queues.a]\n[queues.b]", "more than max_queues"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, text, told):
    path = tmp_path / "zoldyq.toml"
    path.write_text(text)
    done = check(path)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_wrong_name_of_a_queue_and_a_missing_file(file):
    assert check(file, "--queue", "a b").returncode == 2
    assert check("/nowhere.toml").returncode == 2
    assert check(ZOLDYQ_TOKENS="x").returncode == 2
