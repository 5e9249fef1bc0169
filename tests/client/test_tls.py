"""TLS: certificates that are trusted or not, of the server and of the client."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.client.scripted import ScriptedServer, reply
from zoldyq.client import ConnectionFailed, InvalidOption, UnexpectedReply

STATS = reply(200, b'{"queues":{}}')


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key in the same file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("certificate")
    key, cert = folder / "key", folder / "cert"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=queues",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip
    both = folder / "both.pem"
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate)
    return made


def test_a_certificate_of_the_given_authority_is_trusted(connect, context, certificate):
    with ScriptedServer(STATS, STATS, tls=context) as server:
        with connect(server.url, ca_file=str(certificate)) as client:
            assert client.queues() == client.queues() == {}
        assert server.connections == 1


def test_a_certificate_of_a_stranger_is_not_trusted_and_nothing_is_sent(connect, context):
    with ScriptedServer(STATS, tls=context) as server:
        with pytest.raises(ConnectionFailed, match="certificate"):
            connect(server.url).queue("a").enqueue(1)
        assert server.requests == []


def test_without_verification_any_certificate_will_do(connect, context):
    with ScriptedServer(STATS, tls=context) as server, connect(server.url, verify=False) as client:
        assert client.queues() == {}


def test_a_client_shows_its_own_certificate(connect, context, certificate):
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate)
    with ScriptedServer(STATS, tls=context) as server:
        options = {"ca_file": str(certificate), "cert_file": str(certificate)}
        with connect(server.url, **options) as client:
            assert client.queues() == {}
        assert (
            dict(pair for (pair,) in server.peer_certificates[0]["subject"])["commonName"]
            == "queues"
        )


def test_a_stream_speaks_tls_as_well(connect, context, certificate):
    with ScriptedServer(reply(404, b""), tls=context) as server:
        client = connect(server.url, ca_file=str(certificate))
        with pytest.raises(UnexpectedReply, match="404"):
            next(client.queue("a").consume())
        assert (
            b"Upgrade: WebSocket" in server.requests[0] or b"upgrade" in server.requests[0].lower()
        )


def test_files_that_cannot_be_used_are_told(connect, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for options in ({"ca_file": str(tmp_path / "nowhere")}, {"cert_file": str(empty)}):
        with pytest.raises(InvalidOption, match=r"nowhere|empty\.pem"):
            connect("https://x", **options)
    with pytest.raises(InvalidOption, match="cert_file"):
        connect("https://x", key_file="key.pem")


@pytest.mark.parametrize("options", [{"verify": False}, {"ca_file": "x"}, {"cert_file": "x"}])
def test_options_for_tls_are_refused_where_none_is_spoken(connect, options):
    for url in ("http://x", "unix:///x"):
        with pytest.raises(InvalidOption, match="without TLS"):
            connect(url, **options)
