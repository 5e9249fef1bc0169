"""``zoldyq health --own``: whether the server of the same environment lives, as the image asks."""

from __future__ import annotations

import pytest

from tests.certificates import Authority, shared_authority, shared_certificate
from tests.cli.runner import zoldyq
from tests.contract.servers import launch
from tests.helpers import wait_until


def ask(port: int = 0, **settings: object):
    given = {f"ZOLDYQ_{name.upper()}": str(value) for name, value in settings.items()}
    return zoldyq("", "health", "--own", env={"ZOLDYQ_PORT": str(port), **given})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"token": "secret"},
        {"tls_cert": shared_certificate},
        {"tls_cert": shared_certificate, "tls_client_ca": lambda: shared_authority().ca},
    ],
    ids=["plain", "with a token", "TLS", "TLS with client certificates"],
)
def test_a_server_that_lives(start_server, settings):
    given = {key: value() if callable(value) else value for key, value in settings.items()}
    server = start_server(**given)
    done = ask(server.port, **given)
    assert (done.returncode, done.stdout, done.stderr) == (0, "alive\n", "")


def test_a_server_that_does_not_accept_its_own_certificate_as_a_client(start_server, tmp_path):
    given = {"tls_cert": shared_certificate(), "tls_client_ca": Authority(tmp_path).ca}
    done = ask(start_server(**given).port, **given)
    assert (done.returncode, done.stdout) == (0, "alive; it asks for a client certificate\n")


@pytest.mark.parametrize("settings", [{}, {"tls_cert": "/nothing"}, {"unix_socket": "/none"}])
def test_no_server(settings):
    done = ask(1, **settings)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("zoldyq: ")
    assert done.stderr.count("\n") == 1


def test_a_server_that_speaks_no_tls(server):
    done = ask(server.port, tls_cert=shared_certificate())
    assert done.returncode == 4


def test_a_server_on_a_socket(tmp_path):
    path = tmp_path / "socket"
    server = launch("native", tmp_path, unix_socket=path, drain_seconds=0)
    try:
        wait_until(path.exists)
        assert ask(unix_socket=path).stdout == "alive\n"
    finally:
        server.stop()
