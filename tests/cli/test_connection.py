"""Which server a command talks to, and what it says when there is none."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.runner import zoldyq
from tests.contract.servers import ROOT, launch
from tests.helpers import wait_until
from zoldyq.cli.target import VARIABLES
from zoldyq.config.environment import CLIENT_VARIABLES

NOWHERE = "http://127.0.0.1:1"

COMMANDS = [
    ("enqueue", "a", "1"),
    ("dequeue", "a"),
    ("tail", "a"),
    ("queues",),
    ("stats", "a"),
    ("top",),
    ("purge", "a"),
    ("delete", "a"),
    ("bench",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_no_server_is_one_line_and_an_exit_code_of_its_own(command):
    done = zoldyq(NOWHERE, *command)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith(f"zoldyq: cannot reach {NOWHERE} (Connection refused)")
    assert done.stderr.count("\n") == 1


def test_lines_for_a_server_that_is_not_there():
    done = zoldyq(NOWHERE, "enqueue", "a", "--timeout", "0", stdin="1\n2\n")
    assert done.returncode == 4
    assert done.stderr.splitlines()[0] == "zoldyq: 0 messages queued before this:"


def test_a_wrong_url_is_wrong_usage():
    done = zoldyq("localhost:9000", "queues")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "http://127.0.0.1:9000" in done.stderr


def test_the_flag_wins_over_the_variable(server):
    assert zoldyq(NOWHERE, "queues", "--url", server.url).returncode == 0


def test_the_token_comes_from_the_flag_or_the_variable(start_server):
    url = start_server(token="t1,t2").url
    refused = zoldyq(url, "queues")
    assert refused.returncode == 1
    assert "token" in refused.stderr
    assert zoldyq(url, "queues", "--token", "t2").returncode == 0
    # The same variable that the server was started with.
    assert zoldyq(url, "queues", env={"ZOLDYQ_TOKEN": "t1,t2"}).returncode == 0


def test_the_url_stands_before_or_after_the_command(server):
    for args in (("--url", server.url, "queues"), ("queues", "--url", server.url)):
        assert zoldyq(NOWHERE, *args).returncode == 0
    assert zoldyq(NOWHERE, f"--url={server.url}", "queues").returncode == 0
    # The one nearer to the command wins.
    assert zoldyq(NOWHERE, "--url", NOWHERE, "queues", "--url", server.url).returncode == 0


def test_a_unix_socket_is_reached(start_server, tmp_path):
    path = tmp_path / "zoldyq.sock"
    server = launch("native", tmp_path, unix_socket=str(path), drain_seconds=0)
    try:
        wait_until(path.exists, 20)
        url = f"unix://{path}"
        assert zoldyq(url, "enqueue", "a", "1").returncode == 0
        assert zoldyq(NOWHERE, "--url", url, "dequeue", "a").stdout == "1\n"
        assert zoldyq(url, "bench", "--requests", "10").returncode == 0
    finally:
        server.stop()


def test_a_header_is_sent(start_server):
    url = start_server(token="t").url
    for header in ("Authorization: Bearer t", "authorization:Bearer t"):
        assert zoldyq(url, "queues", "--header", header).returncode == 0
        assert zoldyq(url, "--header", header, "queues").returncode == 0
    wrong = zoldyq(url, "queues", "--header", "Authorization")
    assert (wrong.returncode, "'NAME: VALUE'" in wrong.stderr) == (2, True)


@pytest.mark.parametrize(
    "args", [("--insecure",), ("--cacert", "/nowhere"), ("--cert", "/nowhere"), ("--key", "x")]
)
def test_options_for_tls_are_wrong_usage_without_it(args):
    assert zoldyq(NOWHERE, "queues", *args).returncode == 2


def test_a_certificate_is_checked_unless_that_is_switched_off():
    secure = NOWHERE.replace("http:", "https:")
    assert zoldyq(secure, "queues", "--cacert", "/nowhere").returncode == 2
    done = zoldyq(secure, "queues", "--insecure")
    assert done.returncode == 4
    assert done.stderr.startswith("zoldyq: --insecure: the server's certificate is not checked\n")
    assert zoldyq(secure, "queues", env={"ZOLDYQ_INSECURE": "1"}).stderr == done.stderr
    assert zoldyq(secure, "queues", env={"ZOLDYQ_INSECURE": "perhaps"}).returncode == 2


def test_the_server_knows_the_variables_of_the_commands():
    assert set(VARIABLES) <= set(CLIENT_VARIABLES)


def test_the_token_comes_from_a_file_too(start_server, tmp_path):
    url = start_server(token="t").url
    file = tmp_path / "token"
    file.write_text(" t\n")
    assert zoldyq(url, "queues", "--token-file", str(file)).returncode == 0
    assert zoldyq(url, "queues", env={"ZOLDYQ_TOKEN_FILE": str(file)}).returncode == 0
    file.write_text("\n")
    empty = zoldyq(url, "queues", "--token-file", str(file))
    assert (empty.returncode, "is empty" in empty.stderr) == (2, True)


def test_wrong_usage_of_a_command(server):
    for args in (("dequeue",), ("dequeue", "a", "--count", "0"), ("tail", "a", "--follow")):
        done = zoldyq(server.url, *args)
        assert (done.returncode, done.stdout) == (2, "")


def test_help_tells_the_exit_codes():
    assert "4 no server there" in " ".join(zoldyq(NOWHERE, "--help").stdout.split())


def test_the_help_loads_no_client():
    code = "import sys, zoldyq.cli.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    ).stdout.split()
    assert "zoldyq.cli.bench" in loaded
    assert not {"urllib3", "wsproto", "httptools", "zoldyq.client"} & set(loaded)
