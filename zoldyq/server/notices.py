"""What a starting server tells its operator: where it listens, and what is not as it should be."""

from __future__ import annotations

import ipaddress
import logging
import os
import shlex
import sys

from zoldyq import __version__
from zoldyq.config import Settings
from zoldyq.server import machine

_log = logging.getLogger("zoldyq")


def say_where(settings: Settings, addresses: list[str]) -> None:
    """Write the start line to standard output, or to the log where that cannot be written.

    A person at a terminal is told what to do next as well. Programs read the one line.
    """
    line = (
        f"ZoldyQ {__version__} listens on {' and '.join(addresses)} ({settings.server} server; "
        f"up to {settings.max_queues} queues of {settings.default_queue_capacity} messages, "
        f"{_where(settings)})"
    )
    try:
        if sys.stdout is None:
            raise OSError("it is closed")
        # Past Python's buffer, which would be written again, in vain, at the end.
        lines = [line, *(first_steps(settings, addresses) if sys.stdout.isatty() else ())]
        os.write(sys.stdout.fileno(), "".join(f"{each}\n" for each in lines).encode())
    except OSError as error:
        _log.warning("standard output cannot be written: %s", error.strerror or error)
        _log.warning("%s", line)


def first_steps(settings: Settings, addresses: list[str]) -> list[str]:
    """Return what a person may want to do with a server that has just started, a line each."""
    url = next(map(_link, addresses))
    token = ' -H "Authorization: Bearer $TOKEN"' if settings.tokens or settings.tokens_file else ""
    where = f"{url}/queues/hello/enqueue"
    if url.startswith("unix:"):
        path = shlex.quote(url.removeprefix("unix:"))
        where = f"--unix-socket {path} http://localhost/queues/hello/enqueue"
    steps = [f"  Try it:     curl {where}{token} -d '{{\"payload\": 1}}'", "  Stop it:    Ctrl-C"]
    if not url.startswith("unix:"):
        steps.insert(0, f"  Dashboard:  {url}/")
    return steps


def _link(address: str) -> str:
    """Return an address as this machine reaches it: no client connects to every address."""
    return address.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _where(settings: Settings) -> str:
    if settings.backend == "memory":
        return f"{settings.max_bytes >> 20} MiB in all"
    # The servers alone: what stands in front of them or after a question mark may be secret.
    servers = settings.backend.partition("?")[0].rpartition("@")[2].rpartition("://")[2]
    return f"kept in Redis at {servers}"


def say_why_not(settings: Settings, error: OSError) -> None:
    """Write to standard error why the server cannot listen."""
    where = settings.unix_socket or f"{settings.host} port {settings.port}"
    line = (
        f"zoldyq: cannot listen on {where}: {error.strerror or error}. "
        "Stop what uses it, or choose another with --port, --host or --unix-socket.\n"
    )
    if sys.stderr is not None:
        sys.stderr.write(line)


def warn(settings: Settings) -> None:
    """Warn of what makes the server unsafe, or lets it run out of memory."""
    _warn_if_open(settings)
    if settings.backend == "memory":
        _warn_of_memory(settings.max_bytes, machine.memory_limit())
    elif settings.max_bytes != Settings().max_bytes:
        _log.warning(
            "max_bytes does not apply to queues in Redis: set maxmemory there to bound them"
        )
    if machine.uses_mimalloc() and "MIMALLOC_PURGE_DELAY" not in os.environ:
        _log.info(
            "this interpreter keeps the memory of messages that were consumed: "
            "MIMALLOC_PURGE_DELAY=0 gives it back, and makes large batches slower by 40 %%"
        )


def _warn_if_open(settings: Settings) -> None:
    """Say so where anyone who reaches this machine may use the queues."""
    guarded = (
        settings.tokens or settings.tokens_file or settings.tls_client_ca or settings.unix_socket
    )
    if guarded or _is_loopback(settings.host):
        return
    _log.warning(
        "anyone who reaches %s can use these queues: set ZOLDYQ_TOKEN, or listen on 127.0.0.1",
        settings.host,
    )


def _warn_of_memory(max_bytes: int, limit: int | None) -> None:
    """Say so where the system may end the process before max_bytes are reached."""
    if limit is None or limit >= 2 * max_bytes:
        return
    _log.warning(
        "the system grants %d MiB of memory, less than twice max_bytes (%d MiB): "
        "grant more, or set max_bytes to %d or less",
        limit >> 20,
        max_bytes >> 20,
        limit // 2,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
