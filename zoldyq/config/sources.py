"""Where settings come from: flags over environment over file.

Every error names its source: the flag, the variable, or the key and the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from zoldyq.config.environment import CONFIG_VARIABLE, read_environment
from zoldyq.config.file import read_file
from zoldyq.config.setting import Setting


def read_sources(
    settings: Sequence[Setting],
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
) -> dict[str, object]:
    """Return the values that were given, by the settings' names.

    Raises:
        InvalidSetting: a value is not allowed, a variable or a key is unknown, or the file cannot
            be read.
    """
    if file is None and environ.get(CONFIG_VARIABLE):
        file = Path(environ[CONFIG_VARIABLE])
    values = read_file(settings, file) if file is not None else {}
    values.update(read_environment(settings, environ))
    values.update(_read_flags(settings, flags))
    return values


def _read_flags(
    settings: Iterable[Setting], flags: Mapping[str, object]
) -> Iterator[tuple[str, object]]:
    by_name = {each.name: each for each in settings}
    for name, value in flags.items():
        if value is not None and value != ():
            yield name, by_name[name].read(value, by_name[name].flag)
