"""nginx with ``return 200``, which is what HTTP alone costs, and nginx as TLS proxy."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers.process import HOST, find, free_port, running

NGINX = "nginx return 200"

_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr emerg;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    default_type application/json;
    {servers}
}}
"""
_RETURN_200 = """server {{
        listen {host}:{port} backlog=4096;
        location / {{ return 200 '{answer}'; }}
    }}"""
#: As in contrib/nginx/zoldyq.conf.
_TLS_PROXY = """upstream zoldyq {{ server {host}:{upstream}; keepalive 64; }}
    server {{
        listen {host}:{port} ssl backlog=4096;
        ssl_certificate {certificate};
        ssl_certificate_key {certificate};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:zoldyq:10m;
        client_max_body_size 9m;
        client_body_buffer_size 1m;
        location / {{
            proxy_pass http://zoldyq;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            proxy_read_timeout 3660s;
            proxy_next_upstream off;
            proxy_buffering off;
        }}
    }}"""
#: As long as ZoldyQ's answer to an enqueue.
_ANSWER = '{"queued":true,"queue_name":"bench","queue_size":1234567,"enqueued_at":1760000000000000}'


@dataclass(frozen=True)
class Nginx:
    """Where it listens, and its process."""

    url: str
    pid: int


@contextmanager
def nginx() -> Iterator[Nginx]:
    """Run one worker that answers everything at once."""
    port = free_port()
    with _running(_RETURN_200.format(host=HOST, port=port, answer=_ANSWER), port) as pid:
        yield Nginx(f"http://{HOST}:{port}", pid)


@contextmanager
def nginx_tls(upstream: int, certificate: Path) -> Iterator[Nginx]:
    """Run one worker that speaks TLS, and passes requests on to a port in plain HTTP."""
    port = free_port()
    server = _TLS_PROXY.format(host=HOST, port=port, upstream=upstream, certificate=certificate)
    with _running(server, port) as pid:
        yield Nginx(f"https://{HOST}:{port}", pid)


@contextmanager
def _running(servers: str, port: int) -> Iterator[int]:
    """Run nginx with these parts of its configuration, and tell its process."""
    program = find("nginx", "nginx")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "nginx.conf")
        file.write_text(_CONFIGURATION.format(folder=folder, servers=servers), encoding="ascii")
        with running([program, "-p", folder, "-e", "stderr", "-c", str(file)], port) as process:
            yield process.pid
