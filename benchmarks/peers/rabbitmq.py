"""RabbitMQ, with a port mapper of its own so that nothing stays behind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.servers.process import HOST, find, free_port, running

RABBITMQ = "RabbitMQ"

#: The program itself: Debian's rabbitmq-server in PATH insists on its own user and folders.
_PROGRAM = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


@contextmanager
def rabbitmq() -> Iterator[int]:
    """Run a node that knows no other; yields its port for AMQP."""
    find("rabbitmq-server", "rabbitmq-server")
    program = os.fspath(_PROGRAM) if _PROGRAM.exists() else shutil.which("rabbitmq-server")
    assert program is not None
    port, mapper_port, distribution_port = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        environ = {
            "HOME": folder,
            "ERL_EPMD_PORT": str(mapper_port),
            "ERL_EPMD_ADDRESS": HOST,
            "RABBITMQ_NODENAME": f"bench{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": HOST,
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_MNESIA_BASE": folder,
            "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
        }
        mapper = [find("epmd", "erlang-base"), "-port", str(mapper_port), "-address", HOST]
        with running(mapper, mapper_port, environ), running([program], port, environ):
            yield port
