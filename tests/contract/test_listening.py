"""Where servers listen, and what they say when they cannot."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from tests.contract.conftest import Start
from tests.contract.raw import Api, Wire
from tests.contract.servers import ServerProcess


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.parametrize("server_kind", ["native", "tls", "waitress"])
def test_the_start_line_tells_where_and_within_which_limits(
    start_server: Start, server_kind: str
) -> None:
    server = start_server(server_kind, max_queues=7, default_queue_capacity=12, max_bytes=50 << 20)
    line = server.out.read_text()
    assert line.count("\n") == 1
    assert f"listens on {server.url} " in line
    assert re.search(r"7 queues of 12 messages, 50 MiB", line)
    assert f"{server_kind.replace('tls', 'native')} server" in line
    assert "warn" not in server.log.read_text().lower()


def test_beyond_loopback_without_a_token_there_is_a_warning(start_server: Start) -> None:
    server = start_server("native", host="0.0.0.0")
    server.wait_for(server.log, re.compile("ZOLDYQ_TOKEN"))
    quiet = start_server("native", host="0.0.0.0", token="secret")
    quiet.stop()
    assert "ZOLDYQ_TOKEN" not in quiet.log.read_text()


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 on this machine")
def test_ipv6(kind: str, start_server: Start) -> None:
    server = start_server(kind, host="::1")
    assert server.host == "::1"
    assert Api(server.address).get("/ready").status == 200


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 on this machine")
def test_both_protocols_with_one_port(start_server: Start) -> None:
    server = start_server("native", host="::")
    for host in ("127.0.0.1", "::1"):
        assert Api((host, server.port)).get("/ready").status == 200


@pytest.mark.parametrize("server_kind", ["native", "waitress", "gunicorn"])
def test_a_unix_domain_socket(run_server: Start, tmp_path: Path, server_kind: str) -> None:
    path = tmp_path / "zoldyq.sock"
    server = run_server(server_kind, ready=False, unix_socket=path)
    ready = re.compile("Booting worker" if server_kind == "gunicorn" else "listens on")
    server.wait_for(server.log if server_kind == "gunicorn" else server.out, ready)
    with Wire(str(path)) as wire:
        body = b'{"payload":1}'
        assert wire.request("POST", "/queues/a/enqueue", body).status == 200
        assert wire.request("GET", "/queues/a/dequeue").json()["payload"] == 1
        assert wire.request("GET", "/health").status == 200
    assert server.stop() == 0
    assert not path.exists()


def test_the_socket_of_a_server_that_died_is_taken_over(run_server: Start, tmp_path: Path) -> None:
    path = tmp_path / "zoldyq.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = run_server("native", ready=False, unix_socket=path)
    server.wait_for(server.out, re.compile("listens on"))
    with Wire(str(path)) as wire:
        assert wire.request("GET", "/ready").status == 200
    assert server.stop() == 0


def failed(server: ServerProcess) -> str:
    """Wait for a server that cannot start, and return the one line that it says."""
    assert server.exit_code() == 1
    said = server.log.read_text()
    assert said.count("\n") == 1, said
    assert server.out.read_text() == ""
    return said


@pytest.mark.parametrize("server_kind", ["native", "waitress"])
def test_a_port_in_use(run_server: Start, native: Api, server_kind: str) -> None:
    port = native.address[1]
    said = failed(run_server(server_kind, ready=False, port=port))
    assert str(port) in said
    assert "in use" in said
    assert "--port" in said


def test_a_unix_domain_socket_in_use(run_server: Start, tmp_path: Path) -> None:
    path = tmp_path / "zoldyq.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        said = failed(run_server("native", ready=False, unix_socket=path))
        assert str(path) in said
    assert path.exists()


def test_a_file_in_the_place_of_a_socket_is_left_alone(run_server: Start, tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("data")
    said = failed(run_server("native", ready=False, unix_socket=path))
    assert str(path) in said
    assert path.read_text() == "data"


def test_a_host_that_does_not_exist(run_server: Start) -> None:
    assert "host.invalid" in failed(run_server("native", ready=False, host="host.invalid"))


def test_a_bad_setting_is_one_line_and_exit_code_2(run_server: Start) -> None:
    server = run_server("native", ready=False, max_queues="many")
    assert server.exit_code() == 2
    said = server.log.read_text()
    assert "ZOLDYQ_MAX_QUEUES" in said
    assert said.count("\n") == 1


def test_it_listens_within_a_few_seconds(run_server: Start) -> None:
    server = run_server("native")
    assert Api(server.address).get("/ready").status == 200
    assert server.stop() == 0
