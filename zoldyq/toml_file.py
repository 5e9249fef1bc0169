"""Files in TOML: whatever a file is or holds, it gives a document or one clear error."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path
from typing import Any

from zoldyq.contract.errors import InvalidSetting

#: The largest file that is read. Each token costs the server time at each unknown one, so a file
#: with more than some thousands of them is a mistake.
MAX_BYTES = 1 << 20


def read_toml(file: Path, what: str) -> dict[str, Any]:
    """Return the document of a file; ``what`` names it in errors, such as "the tokens file".

    A byte order mark, as some editors write it, is passed over.

    Raises:
        InvalidSetting: it cannot be read, or it is not TOML.
    """
    try:
        # A pipe could be read once at the most, and might never end.
        if not stat.S_ISREG(file.stat().st_mode):
            raise InvalidSetting(f"{what} {file} is a folder, a pipe or a device: name a file")
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidSetting(f"cannot read {what} {file}: {reason}") from error
    if len(data) > MAX_BYTES:
        raise InvalidSetting(f"{what} {file} is larger than {MAX_BYTES >> 20} MiB")
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InvalidSetting(f"{what} {file} is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(f"{what} {file} is not TOML: {error}") from error
    except RecursionError:
        raise InvalidSetting(f"{what} {file} is nested too deeply") from None
