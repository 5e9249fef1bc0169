"""Somebody who follows a document: runs its blocks in order, and looks at what they print."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.contract.servers import ROOT, ServerProcess, start
from tests.docs.blocks import Block, Role
from tests.docs.outputs import same
from tests.helpers import wait_until
from zoldyq.client import Client, ServerUnreachable
from zoldyq.config import Settings

#: No block may take longer, in seconds.
_LIMIT = 120
_COMMANDS = ("zoldyq", "gunicorn")


class Reader:
    """Follows one document, in a folder of its own, beside a server that is there from the start.

    What the documents call port 9000 is the port of the server that was started last. Blocks of
    Python share their names, as in one session of the interpreter.
    """

    def __init__(self, folder: Path) -> None:
        self.missing = ""  # the tool for lack of which a block was not run
        self._folder = folder / "work"
        self._commands = folder / "bin"
        self._logs = folder / "logs"
        for made in (self._folder, self._commands, self._logs):
            made.mkdir()
        for name in _COMMANDS:
            script = self._commands / name
            script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {name} "$@"\n')
            script.chmod(0o755)
        (self._folder / "contrib").symlink_to(ROOT / "contrib")
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._printed: str | None = None
        self._server = start("native", self._logs, drain_seconds=0)

    def follow_all(self, blocks: Sequence[Block]) -> None:
        """Do what each block is there for. Raises AssertionError, or what a Python block raises."""
        for block in blocks:
            if block.role is Role.SERVE:
                self._serve(block)
            elif block.role is Role.COMPARE:
                self._compare(block)
            elif block.role is Role.RUN:
                self._printed = self._run(block)

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()

    # -- the roles ---------------------------------------------------------------------------

    def _compare(self, block: Block) -> None:
        if self._printed is None:
            return  # the block before it could not be run here
        assert same(block.language, block.text, self._printed), (
            f"{block.where} shows\n{block.text}\nand what was printed is\n{self._printed}"
        )

    def _run(self, block: Block) -> str | None:
        """Run a block and return what it printed, None where the tool for it is missing."""
        text = self._addressed(block.text)
        if block.language == "python":
            return self._run_python(text, block.where)
        if block.language == "toml":
            file = self._folder / "zoldyq.toml"
            file.write_text(text)
            Settings.load({}, file=file)
            return None
        if block.language == "sh":
            return self._run_process(["sh", "-e", "-c", text], block)
        node = _node("WebSocket" in text)
        if node is None:
            self.missing = "Node.js"
            return None
        return self._run_process([*node, "--input-type=module", "--eval", text], block)

    def _serve(self, block: Block) -> None:
        self._server.stop()
        port = _free_port()
        settings: dict[str, object] = {"host": "127.0.0.1", "port": port, "drain_seconds": 0}
        text = block.text.replace("9000", str(port))
        command = [sys.executable, "-c", text]
        if block.language == "sh":  # a single command, which takes the place of the shell
            command = ["sh", "-e", "-c", f"exec env PATH='{self._path}' {text}"]
        server = ServerProcess(command, self._logs, settings)
        server.host, server.port = "127.0.0.1", port
        self._server = server
        wait_until(lambda: server.ended or _is_healthy(server.url))
        assert not server.ended, f"{block.where}: it did not serve: {server.log.read_text()}"

    # -- helpers -----------------------------------------------------------------------------

    @property
    def _path(self) -> str:
        own = [str(self._commands), str(Path(sys.executable).parent)]
        return os.pathsep.join([*own, os.environ["PATH"]])

    def _addressed(self, text: str) -> str:
        return text.replace("localhost:9000", "127.0.0.1:9000").replace(
            "9000", str(self._server.port)
        )

    def _run_python(self, text: str, where: str) -> str:
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(compile(text, where, "exec"), self._names)
        return printed.getvalue()

    def _run_process(self, command: list[str], block: Block) -> str:
        kept = {name: value for name, value in os.environ.items() if "ZOLDYQ" not in name}
        given = {"PATH": self._path, "PYTHONPATH": str(ROOT), "ZOLDYQ_URL": self._server.url}
        done = subprocess.run(
            command,
            cwd=self._folder,
            env={**kept, **given},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )
        assert done.returncode == 0, (
            f"{block.where} ended with {done.returncode}\n{block.text}\n{done.stdout}{done.stderr}"
        )
        return done.stdout


@cache
def _node(with_websocket: bool) -> list[str] | None:
    """Return the command of a Node.js, None if there is none.

    What needs no WebSocket runs without a flag, as a reader would run it. Node.js 22 has WebSocket,
    and 20 has it behind a flag.
    """
    path = shutil.which("node")
    if path is None:
        return None
    check = "process.exit(typeof WebSocket === 'undefined' ? 1 : 0)"
    for flags in ([], ["--experimental-websocket"]) if with_websocket else ():
        tried = subprocess.run([path, *flags, "--eval", check], capture_output=True, check=False)
        if tried.returncode == 0:
            return [path, *flags, "--no-warnings"]
    return None if with_websocket else [path]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _is_healthy(url: str) -> bool:
    try:
        with Client(url) as client:
            return client.health().status == "healthy"
    except ServerUnreachable:
        return False
