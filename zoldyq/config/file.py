"""The TOML file with settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from zoldyq.config.nearest import nearest_setting
from zoldyq.config.policies import read_declared_queues
from zoldyq.config.setting import Setting
from zoldyq.contract.errors import InvalidSetting
from zoldyq.toml_file import read_toml

#: The key of the tables that declare queues.
QUEUES = "queues"


def read_file(settings: Iterable[Setting], file: Path) -> dict[str, object]:
    """Return the settings that a file gives, by their names, and the queues that it declares.

    Raises:
        InvalidSetting: the file cannot be read, holds an unknown key, or a value is not allowed.
    """
    by_name = {each.name: each for each in settings}
    values: dict[str, object] = {}
    for key, value in read_toml(file, "the settings file").items():
        if key == QUEUES:
            values["declared_queues"] = read_declared_queues(value, str(file))
            continue
        if key not in by_name:
            raise InvalidSetting(f"{key!r} in {file}: no such setting; {_hint(by_name, key)}")
        values[key] = by_name[key].read(value, f"{key} in {file}")
    return values


def _hint(by_name: Mapping[str, Setting], key: str) -> str:
    near = nearest_setting(by_name.values(), key)
    return f"did you mean {near.name}?" if near is not None else f"known are {', '.join(by_name)}"
