from __future__ import annotations

import sys

import pytest

from benchmarks.figures import Missing
from benchmarks.servers.process import find, free_port, running

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_what_is_not_installed_is_named_with_its_package() -> None:
    with pytest.raises(Missing, match=r"no-such-server is not installed \(Debian package nothing"):
        find("no-such-server", "nothing")


def test_a_server_that_ends_at_once_tells_why() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('the port is taken')"]
    with pytest.raises(RuntimeError, match="exit code 1") as error, running(command, free_port()):
        pass
    assert "the port is taken" in error.value.__notes__[0]


def test_a_process_is_gone_afterwards() -> None:
    with running(SLEEP) as process:
        assert process.poll() is None
    assert process.poll() is not None
