"""What TLS adds to the contract. The rest of it is tried over TLS by the kind ``tls``."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.certificates import Authority, SecureAddress, shared_authority, shared_certificate
from tests.contract.conftest import Start
from tests.contract.raw import Api, Wire, request_bytes
from tests.contract.servers import ServerProcess
from tests.helpers import wait_until
from zoldyq import Client

LARGE = "x" * 20_000
#: How a client sees that the server did not accept its certificate.
REFUSED = (ssl.SSLError, ConnectionResetError, BrokenPipeError)


@pytest.fixture
def secure(shared: Callable[[str], ServerProcess]) -> ServerProcess:
    return shared("tls")


@pytest.fixture
def api(secure: ServerProcess) -> Api:
    return Api(secure.address)


def say_close_notify(wire: Wire) -> None:
    """Say the end in TLS, and leave the connection below it open."""
    assert isinstance(wire.socket, ssl.SSLSocket)
    wire.socket.setblocking(False)
    with suppress(ssl.SSLWantReadError):
        wire.socket.unwrap()


LEAVE: dict[str, Callable[[Wire], None]] = {
    "close_notify": say_close_notify,
    "FIN without close_notify": Wire.half_close,
    "reset": Wire.reset,
}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_plain_http_is_told_to_use_https(secure: ServerProcess, method: str) -> None:
    with Wire((secure.host, secure.port)) as wire:
        response = wire.request(method, "/queues/a/dequeue")
        assert (response.status, response.code) == (400, "tls_required")
        assert "https://" in response.json()["message"]
        assert wire.is_closed()


def test_a_greeting_of_tls_to_a_plain_port_is_told_what_that_port_speaks(
    shared: Callable[[str], ServerProcess],
) -> None:
    with Api(shared("native").address).wire() as wire:
        wire.send(b"\x16\3\1\2\0\1")
        response = wire.response()
        assert (response.status, response.code) == (400, "malformed_request")
        assert "this port speaks plain HTTP" in response.json()["message"]
        assert wire.is_closed()


def test_what_is_neither_tls_nor_http_is_closed_and_counted(secure: ServerProcess) -> None:
    with Wire((secure.host, secure.port)) as wire:
        wire.send(b"\0\1\2\3")
        assert wire.is_closed()
    with Wire((secure.host, secure.port)) as wire:
        wire.send(b"\x16\3\1\0\5nonsense")
        wire.rest()  # an alert
    metrics = Api(secure.address).get("/metrics").body.decode()
    count = next(x for x in metrics.splitlines() if 'reason="tls_handshake_failed"' in x)
    assert float(count.split()[-1]) >= 2


@pytest.mark.parametrize("leave", LEAVE)
@pytest.mark.parametrize("behind", [b"", request_bytes("GET", "/live")])
def test_a_consumer_that_has_gone_swallows_nothing(
    api: Api, queue: str, leave: str, behind: bytes
) -> None:
    api.put(f"/queues/{queue}", {"capacity": 10})
    with api.wire() as wire:
        wire.send(request_bytes("GET", f"/queues/{queue}/dequeue?timeout=60") + behind)
        wait_until(lambda: api.stats(queue)["waiting_consumers"] == 1)
        LEAVE[leave](wire)
        wait_until(lambda: api.stats(queue)["waiting_consumers"] == 0)
        api.enqueue(queue, 1)
        assert api.drain(queue) == [1]


def test_requests_behind_one_that_waits_are_answered_after_it(api: Api, queue: str) -> None:
    api.put(f"/queues/{queue}", {"capacity": 10})
    body = b'{"payload":"%b"}' % (b"y" * 40_000)
    with api.wire() as wire:
        wire.send(request_bytes("GET", f"/queues/{queue}/dequeue?timeout=60"))
        wait_until(lambda: api.stats(queue)["waiting_consumers"] == 1)
        wire.send(request_bytes("POST", f"/queues/{queue}/enqueue", body))
        wire.send(request_bytes("GET", f"/queues/{queue}/dequeue"))
        api.enqueue(queue, 1)
        assert wire.response().json()["payload"] == 1
        assert wire.response().json()["queued"] is True
        assert wire.response().json()["payload"] == "y" * 40_000


def test_an_answer_that_is_cut_in_the_middle_goes_back(api: Api, queue: str) -> None:
    count = 350
    api.enqueue(queue, *([n, LARGE] for n in range(count)))
    with api.wire() as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        wire.send(request_bytes("GET", f"/queues/{queue}/dequeue?count={count}"))
        assert wire.socket.recv(50_000)
        wire.reset()
    wait_until(lambda: api.stats(queue)["size"] == count)
    assert [n for n, _ in api.drain(queue)] == list(range(count))


def test_handshakes_that_never_end_hold_no_one_up_and_end(run_server: Start) -> None:
    server = run_server("tls", head_seconds=2, drain_seconds=0)
    api = Api(server.address)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="x")
    with suppress(ssl.SSLWantReadError):
        hello.do_handshake()
    begun = outgoing.read()
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire((server.host, server.port))) for _ in range(200)]
        for number, wire in enumerate(wires):
            wire.send(begun[: 1 + number % len(begun)])
        for number in range(20):
            api.enqueue("a", number)
        assert api.drain("a") == list(range(20))
        for wire in wires:
            wire.rest()  # those whose greeting was whole have been answered, and then closed


def test_tls_is_1_2_or_1_3_and_http_1_1(secure: ServerProcess) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = shared_authority().context()
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.minimum_version = context.maximum_version = version
        with Wire(SecureAddress.of(secure.host, secure.port, context)) as wire:
            assert isinstance(wire.socket, ssl.SSLSocket)
            assert wire.socket.selected_alpn_protocol() == "http/1.1"
            assert wire.request("GET", "/live").status == 200
            assert wire.request("GET", "/live").status == 200


def test_suites_without_authenticated_encryption_are_refused(secure: ServerProcess) -> None:
    context = shared_authority().context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256")
    with pytest.raises(ssl.SSLError, match="handshake failure"):
        Wire(SecureAddress.of(secure.host, secure.port, context)).close()


def test_no_client_can_choose_a_key_exchange_that_is_costly(secure: ServerProcess) -> None:
    """With ffdhe8192 a hello that costs its sender nothing keeps the loop busy for 0.1 s."""
    command = ["openssl", "s_client", "-connect", f"{secure.host}:{secure.port}", "-tls1_3"]

    def reaches(groups: str) -> bool:
        done = subprocess.run(
            [*command, "-groups", groups], input=b"", capture_output=True, timeout=60, check=False
        )
        return done.returncode == 0

    assert reaches("X25519:P-256")
    assert not reaches("ffdhe8192")


def test_client_and_command_line_speak_it(secure: ServerProcess, queue: str) -> None:
    url, ca = f"https://localhost:{secure.port}", str(shared_authority().ca)
    with Client(url, ca_file=ca) as client:
        client.queue(queue).enqueue({"a": 1})
    command = [sys.executable, "-m", "zoldyq", "dequeue", queue, "--url", url, "--cacert", ca]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, '{"a":1}'), done.stderr


class TestClientCertificates:
    @pytest.fixture
    def strict(self, run_server: Start) -> ServerProcess:
        return run_server("tls", tls_client_ca=shared_authority().ca, drain_seconds=0)

    def status(self, server: ServerProcess, certificate: Path | None) -> int:
        context = shared_authority().context(certificate)
        with Wire(SecureAddress.of(server.host, server.port, context)) as wire:
            return wire.request("GET", "/live").status

    def test_one_of_the_authority_opens(self, strict: ServerProcess) -> None:
        assert self.status(strict, shared_authority().issue("client")) == 200

    def test_none_or_one_of_another_authority_does_not(
        self, strict: ServerProcess, tmp_path: Path
    ) -> None:
        for certificate in (None, Authority(tmp_path, "another").issue("client")):
            with pytest.raises(REFUSED):
                self.status(strict, certificate)

    def test_one_that_was_revoked_does_not_any_more(
        self, run_server: Start, tmp_path: Path
    ) -> None:
        authority = Authority(tmp_path)
        kept, revoked = authority.issue("kept"), authority.issue("revoked")
        file, revocations = tmp_path / "clients.pem", tmp_path / "crl.pem"
        file.write_bytes(authority.ca.read_bytes())
        server = run_server("tls", tls_client_ca=file, drain_seconds=0)
        assert self.status(server, kept) == self.status(server, revoked) == 200
        authority.revoke(revoked, revocations)
        file.write_bytes(authority.ca.read_bytes() + revocations.read_bytes())
        server.signal(signal.SIGHUP)
        wait_until(lambda: "certificates were read again" in server.log.read_text())
        assert self.status(server, kept) == 200
        with pytest.raises(REFUSED):
            self.status(server, revoked)


class TestReload:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "server.pem"
        path.write_bytes(shared_certificate().read_bytes())
        return path

    @pytest.fixture
    def server(self, run_server: Start, file: Path) -> ServerProcess:
        return run_server("tls", tls_cert=file, drain_seconds=0)

    def shown(self, server: ServerProcess) -> bytes:
        """The certificate that new connections see."""
        with Wire(server.address) as wire:
            assert isinstance(wire.socket, ssl.SSLSocket)
            shown = wire.socket.getpeercert(binary_form=True)
            assert shown is not None
            return shown

    def test_a_new_certificate_is_used_under_load_without_a_failed_request(
        self, server: ServerProcess, file: Path
    ) -> None:
        before = self.shown(server)
        enough = threading.Event()
        failures: list[BaseException] = []
        served = [0, 0]

        def new_connections(number: int) -> None:
            try:
                while not enough.is_set():
                    assert Api(server.address).get("/live").status == 200
                    served[number] += 1
            except BaseException as error:  # noqa: BLE001 - it is what the test is about
                failures.append(error)

        threads = [threading.Thread(target=new_connections, args=(n,)) for n in range(2)]
        with Wire(server.address) as old:
            assert old.request("GET", "/live").status == 200
            for thread in threads:
                thread.start()
            file.write_bytes(shared_authority().issue().read_bytes())
            server.signal(signal.SIGHUP)
            wait_until(lambda: self.shown(server) != before)
            reached = [count + 5 for count in served]
            wait_until(
                lambda: failures or all(s >= r for s, r in zip(served, reached, strict=True))
            )
            assert old.request("GET", "/live").status == 200
        enough.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert "certificates were read again" in server.log.read_text()

    def test_a_mistake_in_the_file_changes_nothing_and_is_one_line(
        self, server: ServerProcess, file: Path
    ) -> None:
        before = self.shown(server)
        file.write_text("nothing that is a certificate")
        server.signal(signal.SIGHUP)
        wait_until(lambda: "certificates stay as they were" in server.log.read_text())
        assert self.shown(server) == before
        errors = [line for line in server.log.read_text().splitlines() if "ERROR" in line]
        assert len(errors) == 1
        assert str(file) in errors[0]


@pytest.mark.parametrize(
    ("kind", "settings", "reason"),
    [
        ("waitress", {"tls_cert": "/nothing"}, "native server"),
        ("native", {"tls_cert": "/nothing"}, "No such file"),
        ("native", {"tls_key": "/nothing"}, "without tls_cert"),
    ],
)
def test_settings_that_cannot_hold_are_one_line_and_exit_code_2(
    run_server: Start, kind: str, settings: dict[str, str], reason: str
) -> None:
    server = run_server(kind, ready=False, **settings)
    assert server.exit_code() == 2
    said = server.log.read_text()
    assert said.count("\n") == 1, said
    assert "tls_" in said
    assert reason in said


def test_gunicorn_refuses_the_certificate_and_names_its_own_option(run_server: Start) -> None:
    server = run_server("gunicorn", ready=False, tls_cert="/nothing")
    assert server.exit_code() != 0
    assert "--certfile" in server.log.read_text()
