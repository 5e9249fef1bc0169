"""The command line as people and scripts use it: processes with pipes, or on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from types import TracebackType

from tests.contract.servers import ROOT
from tests.helpers import wait_until

COMMAND = [sys.executable, "-m", "zoldyq"]


def environment(url: str, **variables: str) -> dict[str, str]:
    """The environment of a command for the server at this URL."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZOLDYQ_")}
    return {**kept, "ZOLDYQ_URL": url, **variables}


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


class Terminal:
    """A command on a terminal of 100 columns and 20 rows."""

    def __init__(self, url: str, *args: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 100, 0, 0))
        os.set_blocking(self._master, False)
        self._text = ""
        self.process = subprocess.Popen(
            [*COMMAND, *args],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(url, TERM="xterm", COLUMNS="", LINES=""),
            cwd=ROOT,
            start_new_session=True,
        )
        os.close(slave)

    @property
    def text(self) -> str:
        """All that was written so far."""
        try:
            while data := os.read(self._master, 65536):
                self._text += data.decode()
        except OSError:
            pass  # nothing more now, or for ever
        return self._text

    def wait_for(self, text: str) -> None:
        """Wait until this was written."""
        wait_until(lambda: text in self.text)

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
