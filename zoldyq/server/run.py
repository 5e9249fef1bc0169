"""Builds everything from the settings, and owns the order of start and stop."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Protocol

from zoldyq.config import Settings
from zoldyq.contract.errors import InvalidSetting, ZoldyQError
from zoldyq.queue import QueueSet
from zoldyq.server import machine, notices
from zoldyq.server.api.tokens import read_tokens
from zoldyq.server.backend import Backend, make_backend
from zoldyq.server.heap import HeapTrimmer
from zoldyq.server.housekeeping import HOUSEKEEPING_SECONDS, make_queues
from zoldyq.server.log import set_up_logging
from zoldyq.server.native.http.engine import Times
from zoldyq.server.native.server import NativeLimits, NativeServer
from zoldyq.server.policies import Policies
from zoldyq.server.signals import Signals
from zoldyq.server.tls import Certificate
from zoldyq.server.wsgi.app import ZoldyQApp, create_app
from zoldyq.server.wsgi.waitress_server import WaitressServer

_log = logging.getLogger("zoldyq")

#: How often to look whether the queues have run empty while draining, in seconds.
_DRAIN_LOOK = 0.02
#: How long WebSocket sessions and workers get to end, in seconds.
_END_SECONDS = 5.0
#: How long the last lines of the log may take to be written, in seconds.
_LOG_SECONDS = 1.0
#: QueueSet that the log names when messages are dropped.
_NAMED_QUEUES = 10
#: Descriptors beside those of connections: listeners, event loops, log, libraries.
_OTHER_DESCRIPTORS = 64


class Server(Protocol):
    """What serves the application: native or waitress."""

    def listen(self, host: str, port: int, unix_socket: str | None = None) -> list[str]:
        """Open the listening sockets and return their addresses. Raises OSError."""

    def start(self) -> None:
        """Begin to serve, on threads of the server's own."""

    def stop_accepting(self) -> None:
        """Refuse new connections; those that are open stay usable."""

    def stop(self, timeout: float = ...) -> None:
        """Close all connections and end all threads."""

    @property
    def connections(self) -> int:
        """How many connections are open."""


def serve(settings: Settings, load: Callable[[], Settings] | None = None) -> int:
    """Run a server until SIGTERM or SIGINT; return the exit code for the process.

    The first signal begins an orderly stop, a second one exits at once. Where the settings come
    from a file, ``load`` reads them again for SIGHUP; only policies of new queues are taken then.
    """
    log = set_up_logging(settings.log_level)
    try:
        return _serve(_within_descriptors(settings), Policies(settings, load))
    finally:
        if log is not None:
            log.finish(_LOG_SECONDS)


def _serve(settings: Settings, policies: Policies) -> int:
    certificate = certificate_of(settings)
    backend = make_backend(settings, policies)
    manager: QueueSet = make_queues(settings, policies) if backend is None else backend.queues
    app = create_app(settings, manager, connections=lambda: server.connections)
    server = make_server(settings, app, certificate)
    try:
        addresses = server.listen(settings.host, settings.port, settings.unix_socket)
    except OSError as error:
        notices.say_why_not(settings, error)
        return 1
    files = _files_of(settings, app, certificate)
    if policies.from_file:
        files["policies of new queues"] = partial(policies.read_again, manager.create)
    signals = Signals()
    if backend is not None:
        _start_backend(backend, server)
    server.start()
    if backend is not None:
        backend.declare()
    app.ensure_keepers()
    notices.say_where(settings, addresses)
    notices.warn(settings)
    trimmer = HeapTrimmer()
    while not signals.stopping:
        signals.wait(HOUSEKEEPING_SECONDS)
        if signals.take_reload():
            reload(files)
        manager.keep_house()
        trimmer.look(manager.take_peak_bytes(), manager.bytes_held)
    shut_down(server, app, manager, settings.drain_seconds)
    if backend is not None:
        backend.stop()
    return 0


def _start_backend(backend: Backend, server: Server) -> None:
    if isinstance(server, NativeServer):
        backend.start_on(server.first_loop)
    else:
        backend.ensure()


def certificate_of(settings: Settings) -> Certificate | None:
    """Return the certificate that the settings name; None where they name none.

    Raises:
        InvalidSetting: it cannot be used.
    """
    if settings.tls_cert is None:
        if settings.tls_key is not None or settings.tls_client_ca is not None:
            raise InvalidSetting("tls_key and tls_client_ca are of no use without tls_cert: set it")
        return None
    return Certificate(settings.tls_cert, settings.tls_key, settings.tls_client_ca)


def make_server(
    settings: Settings, app: ZoldyQApp, certificate: Certificate | None = None
) -> Server:
    """Return the server that the settings ask for, not listening yet."""
    if settings.server == "waitress":
        return WaitressServer(
            app,
            app.operations,
            threads=settings.threads,
            max_connections=settings.max_connections,
            max_header_bytes=settings.max_header_bytes,
            idle_seconds=settings.idle_seconds,
            backlog=settings.backlog,
        )
    return NativeServer(
        app,
        app.operations,
        app.access,
        NativeLimits(
            max_header_bytes=settings.max_header_bytes,
            max_connections=settings.max_connections,
            max_websockets=settings.max_websockets,
            threads=settings.threads,
            reactors=settings.reactors or 1,
            backlog=settings.backlog,
        ),
        Times(
            head=settings.head_seconds,
            body=settings.body_seconds,
            idle=settings.idle_seconds,
            send=settings.send_seconds,
        ),
        certificate=certificate,
    )


def shut_down(server: Server, app: ZoldyQApp, manager: QueueSet, drain_seconds: float) -> None:
    """Stop in order: no new connections, no new messages, what is queued for those who want it.

    Consumers may drain the queues for up to ``drain_seconds``, and no longer than they hold
    anything. What is left then is dropped and logged. Queues in Redis stay as they are; there
    the time is for what is under way.
    """
    if app.operations.always_waits:
        _log.info("stopping: the queues stay in Redis; a second signal exits at once")
    else:
        _log.info(
            "stopping: consumers have %g s for the messages queued (%d); a second signal exits at "
            "once",
            drain_seconds,
            manager.pending,
        )
    server.stop_accepting()
    manager.drain()
    deadline = time.monotonic() + drain_seconds
    while manager.pending and time.monotonic() < deadline:
        manager.keep_house()
        time.sleep(_DRAIN_LOOK)
    app.sessions.close_all(_END_SECONDS)
    server.stop(_END_SECONDS)
    _log_dropped(manager.close())
    _log.info("stopped")


def _log_dropped(dropped: Mapping[str, int]) -> None:
    """Name the queues that lost most messages, and sum up the others: there may be thousands."""
    named = heapq.nlargest(_NAMED_QUEUES, dropped.items(), key=itemgetter(1))
    for name, count in named:
        _log.warning("dropped %d messages of queue %s", count, name)
    if others := len(dropped) - len(named):
        count = sum(dropped.values()) - sum(count for _, count in named)
        _log.warning("dropped %d messages of %d other queues", count, others)


def _within_descriptors(settings: Settings) -> Settings:
    """Return the settings with as many connections as the system allows open files for.

    A connection that has become a WebSocket session needs a second one, its bell.
    """
    bells = min(settings.max_websockets, settings.max_connections)
    wanted = settings.max_connections + bells + _OTHER_DESCRIPTORS
    allowed = machine.raise_descriptor_limit(wanted)
    if allowed >= wanted:
        return settings
    free = max(allowed - _OTHER_DESCRIPTORS, 2)
    connections = max(free - bells, free // 2)
    _log.warning(
        "the system allows %d open files: max_connections is lowered from %d to %d",
        allowed,
        settings.max_connections,
        connections,
    )
    return replace(settings, max_connections=connections)


def _files_of(
    settings: Settings, app: ZoldyQApp, certificate: Certificate | None
) -> dict[str, Callable[[], str | None]]:
    """Return what SIGHUP reads, by what it is called in the log; each may tell what changed."""
    files: dict[str, Callable[[], str | None]] = {}
    if settings.tokens_file is not None:
        tokens_file = Path(settings.tokens_file)
        files["tokens"] = lambda: app.access.replace_tokens(read_tokens(tokens_file))
    if certificate is not None:
        files["certificates"] = certificate.read_again
    return files


def reload(files: Mapping[str, Callable[[], str | None]]) -> None:
    """Read files again, each by itself: one with a mistake changes nothing, and is logged."""
    if not files:
        _log.info("SIGHUP: there is no file to read again")
    for name, read in files.items():
        try:
            changes = read()
        except (ZoldyQError, OSError) as error:
            _log.error("the %s stay as they were: %s", name, error)
        except Exception:  # noqa: BLE001 - a file must never end a server that runs
            _log.exception("the %s stay as they were; please report this", name)
        else:
            _log.info("the %s were read again%s", name, f": {changes}" if changes else "")
