"""Proxies that run with the shipped configurations, in front of a server."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract.servers import ServerProcess
from tests.contrib.programs import CONTRIB, run, tool
from tests.helpers import LIMIT, wait_until

NAME = "zoldyq.example.com"
BACKEND = "127.0.0.1:9000"

# As root it would let go of root, and could not write to the folder of the test any more.
_NGINX = """
user root;
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/zoldyq.conf;
}}
"""
_CADDY = """{{
	admin off
	auto_https disable_redirects
	storage file_system {folder}
}}

{site}"""


Launch = Callable[["Proxy"], ServerProcess]


class Proxy:
    """A proxy that listens: TLS at ``url``, which the certificate is made for."""

    def __init__(self, launch: Launch, certificate: Path) -> None:
        self._launch = launch
        self._process: ServerProcess | None = None
        port = self.port = _free_port()
        self.plain_port = _free_port()
        self.url = f"https://localhost:{port}"
        self.certificate = certificate
        self.context = ssl.create_default_context(cafile=str(certificate))

    def restart(self, pause: float = 0.0) -> None:
        """End the proxy, which cuts all connections, and start it again after ``pause`` seconds."""
        self.stop()
        time.sleep(pause)
        self.start()

    def start(self) -> None:
        """Start the proxy, and return when it listens."""
        self._process = process = self._launch(self)
        wait_until(lambda: process.ended or _listens(self.port))
        assert not process.ended, process.log.read_text()

    def stop(self) -> None:
        """End the proxy."""
        if self._process is not None:
            self._process.stop()

    def connect(self) -> ssl.SSLSocket:
        """A connection to it."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT)
        return self.context.wrap_socket(plain, server_hostname="localhost")


@contextmanager
def running(kind: str, server: ServerProcess, folder: Path) -> Iterator[Proxy]:
    """Run nginx or Caddy in front of a server."""
    start = {"nginx": _start_nginx, "caddy": _start_caddy}[kind]
    certificate, key = _certificate(folder)
    proxy = Proxy(lambda proxy: start(proxy, server, folder, key), certificate)
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.stop()


def _start_nginx(proxy: Proxy, server: ServerProcess, folder: Path, key: Path) -> ServerProcess:
    nginx = tool("nginx", "nginx")
    text = (CONTRIB / "nginx" / "zoldyq.conf").read_text(encoding="utf-8")
    for shipped, tried in (
        ("    listen [::]:80;\n", ""),
        ("    listen [::]:443 ssl;\n", ""),
        ("listen 80;", f"listen 127.0.0.1:{proxy.plain_port};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{proxy.port} ssl;"),
        (f"/etc/letsencrypt/live/{NAME}/fullchain.pem", str(proxy.certificate)),
        (f"/etc/letsencrypt/live/{NAME}/privkey.pem", str(key)),
        (f"server {BACKEND};", f"server {server.host}:{server.port};"),
    ):
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, tried)
    (folder / "zoldyq.conf").write_text(text)
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder))
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    run(*command, "-t")
    return ServerProcess(command, folder, {})


def _start_caddy(proxy: Proxy, server: ServerProcess, folder: Path, key: Path) -> ServerProcess:
    caddy = tool("caddy", "caddy")
    text = (CONTRIB / "caddy" / "Caddyfile").read_text(encoding="utf-8")
    address = f"https://localhost:{proxy.port}"
    tls = f"tls {proxy.certificate} {key}"
    for shipped, tried in (
        (f"{NAME}, :443 {{\n", f"{address}, :{proxy.port} {{\n\tbind 127.0.0.1\n\t{tls}\n"),
        (f"reverse_proxy {BACKEND} ", f"reverse_proxy {server.host}:{server.port} "),
    ):
        assert text.count(shipped) == 1, shipped
        text = text.replace(shipped, tried)
    path = folder / "Caddyfile"
    path.write_text(_CADDY.format(folder=folder, site=text))
    command = [caddy, "run", "--adapter", "caddyfile", "--config", str(path)]
    return ServerProcess(command, folder, {})


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost that nobody signed, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    run(
        *(tool("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"),
        *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate),
    )
    return certificate, key


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    return True
