"""Child processes of a test."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable


def fork() -> int:
    """Fork, although threads run: that is what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def in_child(work: Callable[[], object]) -> None:
    """Run something in a child process, which has to end well."""
    pid = fork()
    if not pid:
        code = 1
        try:
            signal.alarm(20)
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - the child must not go on as a second pytest
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
