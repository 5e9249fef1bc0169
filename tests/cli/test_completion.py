"""Shell completion."""

from __future__ import annotations

import shlex
import shutil
import sys

import pytest

from tests.cli.runner import COMMAND, Terminal, zoldyq

NOWHERE = "http://127.0.0.1:1"


def completed(url: str, line: str) -> list[str]:
    env = {"_ZOLDYQ_COMPLETE": "bash_complete", "COMP_LINE": line}
    return [answer.removeprefix("plain,") for answer in zoldyq(url, env=env).stdout.split()]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    from tests.contract.servers import start

    server = start("native", tmp_path_factory.mktemp("server"), drain_seconds=0)
    for name in ("emails", "emails-failed", "images", "jobs:high", "jobs:low"):
        zoldyq(server.url, "enqueue", name, "1")
    yield server.url
    server.stop()


def test_queue_names_are_completed(url):
    assert completed(url, "zoldyq dequeue em") == ["emails", "emails-failed"]
    assert completed(url, "zoldyq dequeue jobs:h") == ["jobs:high"]
    assert completed(url, f"zoldyq --url {url} stats im") == ["images"]
    assert len(completed(url, "zoldyq dequeue ")) == 5


def test_without_a_server_nothing_is_offered():
    assert completed(NOWHERE, "zoldyq dequeue em") == []


def test_the_first_word_is_a_command():
    assert "serve" in completed(NOWHERE, "zoldyq ")
    assert completed(NOWHERE, "zoldyq que") == ["queues"]
    assert "dequeue" in completed(NOWHERE, f"zoldyq --url {NOWHERE} ")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_names_with_a_colon(url, tmp_path):
    script = tmp_path / "zoldyq"
    script.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    script.chmod(0o755)
    setup = tmp_path / "rc"
    setup.write_text(
        f'PATH="{tmp_path}:$PATH"; PS1="ready> "; bind "set bell-style none"\n'
        'eval "$(_ZOLDYQ_COMPLETE=bash_source zoldyq)"\n'
    )
    bash = ["bash", "--noprofile", "--rcfile", str(setup), "-i"]
    with Terminal(url, command=bash, PYTHONPATH=":".join(sys.path)) as terminal:
        terminal.wait_for("ready> ")
        terminal.type("zoldyq dequeue jobs:h\t")
        terminal.wait_for("jobs:high ")
        assert terminal.lines[-1] == "ready> zoldyq dequeue jobs:high "
