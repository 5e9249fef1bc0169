"""Queues that are kept in Redis: built from the settings, and started where their loop runs.

Beside the native server the engine shares the first event loop. Other servers have no loop for it,
so it gets one on a thread of its own. Nothing is started when it is built, for a server may fork
in between.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zoldyq.config import Settings
from zoldyq.contract.errors import InvalidSetting, ZoldyQError
from zoldyq.server.native.loop.reactor import Reactor
from zoldyq.server.policies import Policies

if TYPE_CHECKING:
    from zoldyq.engine.queues import EngineQueues

_log = logging.getLogger("zoldyq.engine")

#: How long the engine has to end in order, in seconds.
_END_SECONDS = 5.0


class Backend:
    """The engine of this process. ``declared`` are the queues that are created at the start."""

    def __init__(self, queues: EngineQueues, declared: Iterable[str]) -> None:
        self.queues = queues
        self._declared = tuple(declared)
        self._lock = threading.Lock()  # guards the fields below
        self._process = 0  # where the thread runs; a forked process needs its own
        self._reactor: Reactor | None = None
        self._thread: threading.Thread | None = None

    def start_on(self, reactor: Reactor) -> None:
        """Work on an event loop that somebody else runs."""
        self.queues.engine.attach(reactor)

    def ensure(self) -> None:
        """Work on a thread of its own, unless this process does already."""
        if self._process == os.getpid():
            return
        with self._lock:
            if self._process == os.getpid():
                return
            self._process = os.getpid()
            self._reactor = Reactor("zoldyq-engine", _ignore_second)
            self._thread = threading.Thread(
                target=self._reactor.run, name="zoldyq-engine", daemon=True
            )
            self._thread.start()
            self.queues.engine.attach(self._reactor)
            atexit.register(self.stop)
        self.declare()

    def declare(self) -> None:
        """Create the queues that the settings declare, unless they exist."""
        for name in self._declared:
            try:
                self.queues.create(name)
            except ZoldyQError as error:
                _log.error("queue %s could not be created: %s", name, error)

    def stop(self) -> None:
        """End the thread, once what is under way has an answer."""
        with self._lock:
            reactor, thread = self._reactor, self._thread
            self._reactor = self._thread = None
            ours = self._process == os.getpid()
        if reactor is not None and thread is not None and ours:
            reactor.stop()
            thread.join(_END_SECONDS)


def make_backend(settings: Settings, policies: Policies | None = None) -> Backend | None:
    """Return the engine that the settings ask for, once its server can be used; None for memory.

    Without ``policies`` new queues have those of the settings.

    Raises:
        InvalidSetting: it can never be used, as it is.
        BackendUnavailable: it could not be used within ``redis_start_seconds``.
    """
    if settings.backend == "memory":
        return None
    try:
        from zoldyq.engine.address import parse_address
        from zoldyq.engine.engine import Engine
        from zoldyq.engine.probe import await_server
        from zoldyq.engine.queues import EngineQueues
        from zoldyq.engine.security import make_security, with_password
        from zoldyq.engine.settings import EngineSettings
    except ImportError as error:
        raise InvalidSetting(
            f"backend: Redis needs a package that is missing ({error.name}); install it with "
            "pip install 'zoldyq[redis]'"
        ) from None
    address = with_password(parse_address(settings.backend), settings.redis_password_file)
    tls = make_security(
        address,
        settings.redis_tls_ca,
        settings.redis_tls_cert,
        settings.redis_tls_key,
        settings.redis_tls_name or "",
    )
    await_server(
        address,
        settings.redis_prefix,
        tls=tls,
        timeout=settings.redis_timeout,
        start_seconds=settings.redis_start_seconds,
    )
    engine_settings = EngineSettings(
        prefix=settings.redis_prefix,
        lease=settings.redis_lease,
        timeout=settings.redis_timeout,
        grace=settings.redis_grace,
        wait_replicas=settings.redis_wait_replicas,
        wait_seconds=settings.redis_wait_seconds,
        max_queues=settings.max_queues,
        auto_create=settings.auto_create,
    )
    policies = Policies(settings) if policies is None else policies
    engine = Engine(address, engine_settings, policies.policy_of, tls)
    return Backend(EngineQueues(engine, policies.policy_of), policies.declared)


def _ignore_second(_second: int) -> None:
    """The engine's own loop renders no dates."""
