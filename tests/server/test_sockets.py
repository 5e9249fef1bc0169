from __future__ import annotations

import errno
import socket
from pathlib import Path

import pytest

from zoldyq.server.sockets import close_listening, describe, open_tcp, open_unix


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 on this machine")


def close_all(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        close_listening(sock)


class TestTcp:
    def test_port_0_is_a_free_one(self) -> None:
        sockets = open_tcp("127.0.0.1", 0, 5)
        port = sockets[0].getsockname()[1]
        assert port > 0
        assert describe(sockets[0]) == f"http://127.0.0.1:{port}"
        close_all(sockets)

    def test_every_address_of_a_host_has_the_same_port(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.2", 0)),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        sockets = open_tcp("both", 0, 5)
        names = [sock.getsockname() for sock in sockets]
        assert [name[0] for name in names] == ["127.0.0.1", "127.0.0.2"]
        assert names[0][1] == names[1][1] > 0
        close_all(sockets)

    def test_if_one_address_cannot_be_had_all_are_given_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.create_server(("127.0.0.2", 0)) as taken:
            port = taken.getsockname()[1]
            addresses = [
                (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)),
                (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.2", port)),
            ]
            monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
            with pytest.raises(OSError, match="in use"):
                open_tcp("both", port, 5)
            with socket.create_server(("127.0.0.1", port)):
                pass  # the first one is free again

    def test_a_port_in_use(self) -> None:
        sockets = open_tcp("127.0.0.1", 0, 5)
        with pytest.raises(OSError, match="in use") as refused:
            open_tcp("127.0.0.1", sockets[0].getsockname()[1], 5)
        assert refused.value.errno == errno.EADDRINUSE
        close_all(sockets)

    @needs_ipv6
    def test_ipv6_takes_ipv4_clients_only_on_every_address(self) -> None:
        for host, both in (("::", True), ("::1", False)):
            sockets = open_tcp(host, 0, 5)
            port = sockets[0].getsockname()[1]
            assert describe(sockets[0]) == f"http://[{host}]:{port}"
            if both:
                socket.create_connection(("127.0.0.1", port)).close()
            else:
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", port))
            close_all(sockets)


class TestUnix:
    def test_its_file_goes_with_it(self, tmp_path: Path) -> None:
        path = tmp_path / "socket"
        sock = open_unix(str(path), 5)
        assert describe(sock) == f"unix:{path}"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        close_listening(sock)
        assert not path.exists()

    def test_a_stale_one_is_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "socket"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        sock = open_unix(str(path), 5)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        close_listening(sock)

    def test_a_living_one_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "socket"
        sock = open_unix(str(path), 5)
        with pytest.raises(OSError, match="another server") as refused:
            open_unix(str(path), 5)
        assert refused.value.errno == errno.EADDRINUSE
        assert path.exists()
        close_listening(sock)

    def test_a_file_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_text("data")
        with pytest.raises(FileExistsError):
            open_unix(str(path), 5)
        assert path.read_text() == "data"

    def test_a_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            open_unix(str(tmp_path / "missing" / "socket"), 5)
