"""Where settings come from: flags over environment over file.

Every error names its source: the flag, the variable, or the key and the file.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from zoldyq.config.setting import PREFIX, Setting
from zoldyq.contract.errors import InvalidSetting

#: Names the TOML file where no flag does.
CONFIG_VARIABLE = f"{PREFIX}CONFIG"

#: Read by the client's commands.
_CLIENT_VARIABLES = {f"{PREFIX}URL", f"{PREFIX}TOKEN"}


def read_sources(
    settings: Sequence[Setting],
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    file: Path | None,
) -> dict[str, object]:
    """Return the values that were given, by the settings' names.

    Raises:
        InvalidSetting: a value is not allowed, the file cannot be read, or it holds an unknown key.
    """
    if file is None and environ.get(CONFIG_VARIABLE):
        file = Path(environ[CONFIG_VARIABLE])
    values = _read_file(settings, file) if file is not None else {}
    values.update(_read_environment(settings, environ))
    values.update(_read_flags(settings, flags))
    return values


def environment_warnings(settings: Sequence[Setting], environ: Mapping[str, str]) -> Iterator[str]:
    """Tell of variables that look like settings and are none, a line each."""
    known = {each.variable for each in settings} | _CLIENT_VARIABLES | {CONFIG_VARIABLE}
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in known:
            near = _nearest(settings, variable.removeprefix(PREFIX))
            if near is not None:
                yield f"{variable} means nothing here; did you mean {near.variable}?"
        elif variable in known and _is_service_link(variable, environ[variable]):
            yield (
                f"{variable}={environ[variable]} is ignored: Kubernetes sets it for a Service "
                "named zoldyq (enableServiceLinks: false keeps it away)"
            )


def _read_file(settings: Iterable[Setting], file: Path) -> dict[str, object]:
    by_name = {each.name: each for each in settings}
    values = {}
    for key, value in _load_toml(file).items():
        if key not in by_name:
            raise InvalidSetting(f"{key!r} in {file}: no such setting; {_hint(by_name, key)}")
        values[key] = by_name[key].read(value, f"{key} in {file}")
    return values


def _load_toml(file: Path) -> dict[str, object]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InvalidSetting(f"cannot read the settings file {file}: {reason}") from error
    except UnicodeDecodeError as error:
        raise InvalidSetting(f"the settings file {file} is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(f"the settings file {file} is not TOML: {error}") from error


def _read_environment(
    settings: Iterable[Setting], environ: Mapping[str, str]
) -> Iterator[tuple[str, object]]:
    for each in settings:
        value = environ.get(each.variable)
        if value is None or _is_service_link(each.variable, value):
            continue
        # Compose files and scripts pass on unset variables as empty ones, so empty means not
        # given; but nobody wants an open server because a secret failed to arrive.
        if value or each.kind.secret:
            yield each.name, each.read(value, each.variable)


def _read_flags(
    settings: Iterable[Setting], flags: Mapping[str, object]
) -> Iterator[tuple[str, object]]:
    by_name = {each.name: each for each in settings}
    for name, value in flags.items():
        if value is not None and value != ():
            yield name, by_name[name].read(value, by_name[name].flag)


def _is_service_link(variable: str, value: str) -> bool:
    """Whether Kubernetes set ``ZOLDYQ_PORT``, as it does in the pods beside such a Service."""
    return variable == f"{PREFIX}PORT" and value.startswith(("tcp://", "udp://", "sctp://"))


def _hint(by_name: Mapping[str, Setting], key: str) -> str:
    near = _nearest(by_name.values(), key)
    return f"did you mean {near.name}?" if near is not None else f"known are {', '.join(by_name)}"


def _nearest(settings: Iterable[Setting], word: str) -> Setting | None:
    """The setting that any of its names makes look like the word."""
    spellings: dict[str, Setting] = {}
    for each in settings:
        names = (each.name, each.flag.removeprefix("--"), each.variable.removeprefix(PREFIX))
        spellings.update({_plain(name): each for name in names})
    near = difflib.get_close_matches(_plain(word), spellings, n=1, cutoff=0.75)
    return spellings[near[0]] if near else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
