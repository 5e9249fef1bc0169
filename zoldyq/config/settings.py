"""Every setting of the server, declared once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zoldyq.config.environment import environment_warnings
from zoldyq.config.kinds import Choice, Switch, Whole
from zoldyq.config.names import (
    BackendUrl,
    FilePath,
    Host,
    Hosts,
    KeyPrefix,
    Origins,
    ServerName,
    SocketPath,
    Tokens,
)
from zoldyq.config.policies import POLICY_KINDS, DeclaredQueue, fields_for
from zoldyq.config.setting import Setting, declared_settings, setting
from zoldyq.config.sources import read_sources
from zoldyq.config.units import Bytes, Seconds
from zoldyq.contract import defaults
from zoldyq.contract.errors import InvalidSetting

_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a server is started with. Times are seconds, sizes are bytes.

    Raises:
        InvalidSetting: a value is not allowed, or two do not fit together.
    """

    host: str = setting("0.0.0.0", Host(), "Host name or address to listen on")
    port: int = setting(9000, Whole(0, 65_535), "TCP port to listen on; 0 picks a free one")
    unix_socket: str | None = setting(
        None, SocketPath(), "Unix domain socket to listen on instead of host and port"
    )
    server: Literal["native", "waitress"] = setting(
        "native",
        Choice(("native", "waitress")),
        "What serves HTTP: ZoldyQ's own server, or waitress, which has no WebSocket",
    )
    backend: str = setting(
        "memory",
        BackendUrl(),
        "Where the queues are kept: in memory, or in Redis or Valkey for any number of servers "
        "(redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://)",
    )
    redis_password_file: str | None = setting(
        None,
        FilePath(),
        "File with the password for Redis, where the URL has none; the URL shows in the list of "
        "processes if it is a flag",
    )
    redis_tls_ca: str | None = setting(
        None,
        FilePath(),
        "PEM file with the authorities that sign the certificates of Redis, unless the system "
        "trusts them",
    )
    redis_tls_cert: str | None = setting(
        None, FilePath(), "PEM file with the certificate that Redis is shown"
    )
    redis_tls_key: str | None = setting(
        None, FilePath(), "PEM file with the key of that certificate, unless it holds both"
    )
    redis_tls_name: str | None = setting(
        None,
        ServerName(),
        "Name that the certificates of Redis are for, unless that is the host in the URL",
    )
    redis_prefix: str = setting(
        defaults.REDIS_PREFIX, KeyPrefix(), "What the keys of this server in Redis begin with"
    )
    redis_lease: float = setting(
        defaults.REDIS_LEASE,
        Seconds(0.1, 300),
        "Time after which a server that gives no sign loses its places in the lines in Redis",
    )
    redis_timeout: float = setting(
        defaults.REDIS_TIMEOUT,
        Seconds(0.01, 300),
        "Time that Redis has to answer before the connection is cut",
    )
    redis_grace: float = setting(
        defaults.REDIS_GRACE, Seconds(0, 3600), "Time that requests wait for Redis while it is away"
    )
    redis_start_seconds: float = setting(
        30.0, Seconds(0, 3600), "Time that Redis has to be there when the server starts"
    )
    redis_wait_replicas: int = setting(
        defaults.REDIS_WAIT_REPLICAS,
        Whole(0, 100),
        "Replicas that must have a message before it counts as queued",
    )
    redis_wait_seconds: float = setting(
        defaults.REDIS_WAIT_SECONDS, Seconds(0.001, 60), "Time that replicas have for that"
    )
    metrics_queues: bool = setting(
        True,
        Switch(),
        "Whether the metrics have series for each queue; with Redis one server is enough",
    )
    history_queues: int = setting(
        defaults.HISTORY_QUEUES,
        Whole(0, 100_000),
        "Queues whose last hour is kept for the dashboard, each in 35 KB: those looked at within "
        "the hour, then the busiest; 0 keeps none",
    )
    default_queue_capacity: int = setting(
        defaults.QUEUE_CAPACITY,
        POLICY_KINDS["capacity"],
        "Messages that a queue holds unless it has a capacity of its own",
        flag="--capacity",
    )
    default_queue_max_bytes: int | None = setting(
        None,
        POLICY_KINDS["max_bytes"],
        "Memory that the messages of a queue may hold, unless it has a bound of its own",
        flag="--queue-max-bytes",
    )
    default_queue_ttl_seconds: float | None = setting(
        None,
        POLICY_KINDS["ttl_seconds"],
        "Lifetime of a queue's messages, unless it has one of its own",
        flag="--queue-ttl-seconds",
    )
    default_queue_overflow: Literal["reject", "drop_oldest"] = setting(
        "reject",
        POLICY_KINDS["overflow"],
        "What happens to a message that finds no room in a queue, unless the queue has a rule of "
        "its own: it is refused, or the oldest ones go",
        flag="--queue-overflow",
    )
    default_queue_idle_seconds: float | None = setting(
        None,
        POLICY_KINDS["idle_seconds"],
        "Time after which an empty queue that is not used is deleted, unless it has one of its own",
        flag="--queue-idle-seconds",
    )
    auto_create: bool = setting(
        True, Switch(), "Whether an enqueue, or a consumer that waits, creates the queue it names"
    )
    max_queues: int = setting(
        defaults.MAX_QUEUES, Whole(1, 1_000_000), "Queues that may exist at once"
    )
    max_bytes: int = setting(
        defaults.MAX_BYTES,
        Bytes(_KIB, 1024 * _GIB),
        "Memory that the messages of all queues may hold",
    )
    max_body_bytes: int = setting(
        defaults.MAX_BODY_BYTES,
        Bytes(_KIB, _GIB),
        "Largest request body and largest WebSocket message",
    )
    max_header_bytes: int = setting(
        defaults.MAX_HEADER_BYTES, Bytes(_KIB, _MIB), "Largest request head"
    )
    max_count: int = setting(
        defaults.MAX_COUNT, Whole(1, 1_000_000), "Messages that one dequeue or peek may ask for"
    )
    max_batch: int = setting(
        defaults.MAX_BATCH, Whole(1, 1_000_000), "Messages that one enqueue may bring"
    )
    max_timeout: float = setting(
        defaults.MAX_TIMEOUT, Seconds(0), "Longest time that a request may ask to wait"
    )
    head_seconds: float = setting(
        defaults.HEAD_SECONDS, Seconds(0.01), "Time a client has to send a whole request head"
    )
    body_seconds: float = setting(
        defaults.BODY_SECONDS, Seconds(0.01), "Time a client has to send a request body"
    )
    idle_seconds: float = setting(
        defaults.IDLE_SECONDS,
        Seconds(0.01),
        "Time after which an idle keep-alive connection is closed",
    )
    send_seconds: float = setting(
        defaults.SEND_SECONDS,
        Seconds(0.01),
        "Time after which a peer that accepts no data is closed",
    )
    max_connections: int = setting(
        defaults.MAX_CONNECTIONS, Whole(1, 1_000_000), "Connections that may be open at once"
    )
    max_websockets: int = setting(
        defaults.MAX_WEBSOCKETS, Whole(0, 100_000), "WebSocket sessions that may be open at once"
    )
    ping_seconds: float = setting(20.0, Seconds(0.01), "Time between the pings of a WebSocket")
    threads: int = setting(
        defaults.THREADS,
        Whole(1, 1_024),
        "Threads that run the WSGI app: everything but enqueue and dequeue, under waitress "
        "everything",
    )
    max_waiting: int = setting(
        8,
        Whole(0, 1_024),
        "Consumers and producers that may wait at once where each holds a thread: under waitress "
        "and gunicorn",
    )
    reactors: int = setting(
        0,
        Whole(0, 256),
        "Event loops of the native server; 0 means one",
    )
    drain_seconds: float = setting(
        5.0, Seconds(0), "Longest time that consumers have to empty the queues at shutdown"
    )
    backlog: int = setting(
        defaults.BACKLOG,
        Whole(1, 65_535),
        "Connections that the system holds until they are accepted",
    )
    tokens: tuple[str, ...] = setting(
        (),
        Tokens(),
        "Bearer token that clients must send; the flag may be given several times, elsewhere "
        "commas separate them (a flag shows in the list of processes, a variable does not)",
        flag="--token",
        variable="ZOLDYQ_TOKEN",
    )
    tokens_file: str | None = setting(
        None,
        FilePath(),
        "TOML file with tokens that have rights and queues of their own; SIGHUP reads it again",
    )
    tls_cert: str | None = setting(
        None,
        FilePath(),
        "PEM file with the server's certificate and those that lead to a known authority: makes "
        "it speak HTTPS only; SIGHUP reads it again",
    )
    tls_key: str | None = setting(
        None, FilePath(), "PEM file with the certificate's key, unless that stands in the same file"
    )
    tls_client_ca: str | None = setting(
        None,
        FilePath(),
        "PEM file with certificates: clients must show a certificate that one of these has signed",
    )
    allowed_hosts: tuple[str, ...] = setting(
        (),
        Hosts(),
        "Host name under which browsers may use the server, beside its address and localhost; "
        "*.example.com stands for all names below; the flag may be given several times, elsewhere "
        "commas separate them",
        flag="--allowed-host",
    )
    cors_origins: tuple[str, ...] = setting(
        (),
        Origins(),
        "Origin whose web pages may use the server; the flag may be given several times, "
        "elsewhere commas separate them",
        flag="--cors-origin",
    )
    log_level: Literal["debug", "info", "warn", "error"] = setting(
        "info",
        Choice(("debug", "info", "warn", "error"), {"warning": "warn"}),
        "Least severe messages that are logged",
    )
    #: What ``[queues.NAME]`` in the file declares, in its order.
    declared_queues: tuple[DeclaredQueue, ...] = ()

    def __post_init__(self) -> None:
        for each in SETTINGS:
            value = each.read(getattr(self, each.name), each.name)
            object.__setattr__(self, each.name, value)
        self._check_together()

    @classmethod
    def load(
        cls,
        flags: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        file: Path | None = None,
    ) -> Settings:
        """Collect the settings: flags over environment over file over defaults.

        ``flags`` are values by the settings' names, where None and ``()`` mean not given;
        ``environ`` is the process's environment unless given; ``file`` is a TOML file, by
        default the one that ``ZOLDYQ_CONFIG`` names, if any.

        Raises:
            InvalidSetting: a value is not allowed (the text names its source), two do not fit
                together, a variable or a key is unknown, or the file cannot be read.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = read_sources(SETTINGS, flags or {}, environ, file)
        return cls(**values)

    @staticmethod
    def environment_warnings(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Return what to tell a person about variables that are ignored, a line each."""
        return tuple(environment_warnings(os.environ if environ is None else environ))

    def queue_fields(self, name: str) -> dict[str, Any]:
        """Return the fields of the policy that holds for a new queue of this name."""
        defaults = {field: getattr(self, f"default_queue_{field}") for field in POLICY_KINDS}
        return fields_for(name, defaults, self.declared_queues)

    def _check_together(self) -> None:
        plain = sum(each.name.plain for each in self.declared_queues)
        if plain > self.max_queues:
            raise InvalidSetting(
                f"the file declares {plain} queues, more than max_queues ({self.max_queues}); "
                "raise max_queues or declare fewer"
            )
        self._check_tls()
        if self.redis_wait_replicas and self.redis_wait_seconds >= self.redis_timeout:
            raise InvalidSetting(
                f"redis_wait_seconds ({self.redis_wait_seconds:g}) must be below redis_timeout "
                f"({self.redis_timeout:g}), after which the connection is cut; raise redis_timeout"
            )
        if self.server == "waitress" and self.max_waiting >= self.threads:
            raise InvalidSetting(
                f"max_waiting ({self.max_waiting}) must be below threads ({self.threads}) with "
                "waitress, or those who wait would block all others; raise threads or lower "
                "max_waiting"
            )
        if self.max_body_bytes > self.max_bytes:
            raise InvalidSetting(
                f"max_body_bytes ({self.max_body_bytes}) must not exceed max_bytes "
                f"({self.max_bytes}); raise max_bytes or lower max_body_bytes"
            )

    def _check_tls(self) -> None:
        if self.tls_cert is None:
            return
        if self.server != "native":
            raise InvalidSetting(
                f"tls_cert: {self.server} speaks no TLS here; use the native server, or leave "
                "tls_cert out and put a proxy in front"
            )
        if self.unix_socket is not None:
            raise InvalidSetting(
                "tls_cert is for a port, not for unix_socket; leave one of them out"
            )


#: Every setting, in the order of the table.
SETTINGS: tuple[Setting, ...] = declared_settings(Settings)
