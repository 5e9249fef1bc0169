"""The command line as people and scripts use it: processes with pipes, or on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from types import TracebackType

from tests.contract.servers import ROOT
from tests.helpers import wait_until

COMMAND = [sys.executable, "-m", "zoldyq"]


def environment(url: str, **variables: str) -> dict[str, str]:
    """The environment of a command for the server at this URL."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZOLDYQ_")}
    return {**kept, "ZOLDYQ_URL": url, "XDG_CONFIG_HOME": "/nowhere", **variables}


def zoldyq(
    url: str, *args: str, stdin: str = "", env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *args],
        input=stdin,
        env=environment(url, **(env or {})),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def start(url: str, *args: str) -> subprocess.Popen[str]:
    """Start a command with pipes."""
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*COMMAND, *args],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        env=environment(url),
        cwd=ROOT,
        text=True,
    )


def in_shell(url: str, script: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script of bash in which ``zoldyq`` is the command."""
    function = f'zoldyq() {{ {shlex.join(COMMAND)} "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", function + script],
        env=environment(url, **variables),
        cwd=ROOT,
        capture_output=True,
        timeout=30,
        check=False,
    )


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A command on a terminal of ``columns`` and ``rows``."""

    def __init__(
        self,
        url: str,
        *args: str,
        columns: int = 100,
        rows: int = 20,
        command: Sequence[str] = COMMAND,
        **variables: str,
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.set_blocking(self._master, False)
        self._text = ""
        self.process = subprocess.Popen(
            [*command, *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(url, TERM="xterm", COLUMNS="", LINES="", **variables),
            cwd=ROOT,
            start_new_session=True,
            # Its own terminal, so that Ctrl-C comes as a signal.
            preexec_fn=_take_terminal,  # noqa: PLW1509 - it does nothing but a system call
        )
        os.close(slave)

    @property
    def text(self) -> str:
        """All that was written so far."""
        try:
            while data := os.read(self._master, 65536):
                self._text += data.decode(errors="replace")
        except OSError:
            pass  # nothing more now, or for ever
        return self._text

    def wait_for(self, text: str) -> None:
        """Wait until this was written."""
        wait_until(lambda: text in self.text)

    @property
    def lines(self) -> list[str]:
        """All that was written so far, without colours and movements of the cursor."""
        return re.sub(r"\033\[[?0-9;]*[A-Za-z]", "", self.text).splitlines()

    @property
    def modes(self) -> list[object]:
        """How the terminal is set: with echo, line by line, and so on."""
        return termios.tcgetattr(self._master)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def exit_code(self) -> int:
        """Wait until the command has ended."""
        wait_until(lambda: self.text is not None and self.process.poll() is not None)
        return int(self.process.returncode)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
