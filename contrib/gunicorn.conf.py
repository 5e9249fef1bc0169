"""ZoldyQ behind gunicorn: ``gunicorn -c contrib/gunicorn.conf.py``, with the settings of zoldyq.

The queues live in one process. A second worker would hold queues of its own, and a worker that is
replaced (``--max-requests``, a time-out, a reload by SIGHUP) takes its messages along. So there
is one worker, and nothing in this file ever replaces it. Do not send SIGHUP either.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING

from zoldyq.config import Settings

if TYPE_CHECKING:
    from gunicorn.workers.base import Worker


def _address(settings: Settings) -> str:
    """Where to listen, in gunicorn's notation."""
    if settings.unix_socket:
        return f"unix:{settings.unix_socket}"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


_settings = Settings.load()
if _settings.tls_cert:
    sys.exit(
        "ZOLDYQ_TLS_CERT: it is for zoldyq's own server; give gunicorn --certfile and --keyfile"
    )

wsgi_app = "zoldyq.server.app:create_app()"
proc_name = "zoldyq"
bind = _address(_settings)
backlog = _settings.backlog

workers = 1
worker_class = "gthread"
# A request that waits for a message or for room holds a thread, as does each WebSocket session;
# eight more answer everything else. Raise ZOLDYQ_THREADS for more WebSocket sessions.
threads = max(_settings.threads, _settings.max_waiting + 8)
worker_connections = _settings.max_connections

max_requests = 0
max_requests_jitter = 0
preload_app = False
reload = False
# A worker that is late is slow, perhaps on a machine that was suspended, and still holds messages.
timeout = 0
graceful_timeout = 10
keepalive = int(_settings.idle_seconds)

# Its commands add workers and reload them.
control_socket_disable = True


def post_worker_init(worker: Worker) -> None:
    """End long polls and WebSocket sessions on SIGTERM, which else hold the exit.

    Long polls get 204, sessions a close frame with code 1001.
    """

    def on_term(number: int, frame: FrameType | None) -> None:
        # On a thread of its own: a signal handler must not wait for locks.
        threading.Thread(
            target=worker.wsgi.drain, args=(graceful_timeout / 2,), daemon=True
        ).start()
        worker.handle_exit(number, frame)

    signal.signal(signal.SIGTERM, on_term)
