"""nginx with ``return 200``: what HTTP costs when the server has nothing to do."""

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
    server {{
        listen {host}:{port} backlog=4096;
        location / {{ return 200 '{answer}'; }}
    }}
}}
"""
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
    program = find("nginx", "nginx")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "nginx.conf")
        text = _CONFIGURATION.format(folder=folder, host=HOST, port=port, answer=_ANSWER)
        file.write_text(text, encoding="ascii")
        with running([program, "-p", folder, "-e", "stderr", "-c", str(file)], port) as process:
            yield Nginx(f"http://{HOST}:{port}", process.pid)
