"""Environment variables: which are settings, which are for others, and which are mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from zoldyq.config.nearest import nearest_setting
from zoldyq.config.setting import PREFIX, Setting
from zoldyq.contract.errors import InvalidSetting

#: Names the TOML file where no flag does.
CONFIG_VARIABLE = f"{PREFIX}CONFIG"

#: Read by the client and the commands that use it. They may be set where
#: a server starts, for the commands that run there.
CLIENT_VARIABLES = tuple(
    f"{PREFIX}{name}"
    for name in ("URL", "TOKEN", "TOKEN_FILE", "PROFILE", "CACERT", "CERT", "KEY", "INSECURE")
)

# Kubernetes sets these in the pods beside a Service named zoldyq, or zoldyq- and more.
_SERVICE_LINK = re.compile(
    rf"{PREFIX}(?:[A-Z0-9_]+_)?"
    r"(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
_UNSET = "unset it, or give it another name (zoldyq serve --help lists the settings)"
_SERVICE_ADDRESSES = ("tcp://", "udp://", "sctp://")


def read_environment(
    settings: Sequence[Setting], environ: Mapping[str, str]
) -> Iterator[tuple[str, object]]:
    """Yield the settings that variables give, by the settings' names.

    Raises:
        InvalidSetting: a value is not allowed, or a variable with our prefix is no setting: one
            that is mistyped must not leave a server without its tokens.
    """
    _check_known(settings, environ)
    for each in settings:
        value = environ.get(each.variable)
        if value is None or _is_service_link(each.variable, value):
            continue
        # Compose files and scripts pass on unset variables as empty ones, so empty means not
        # given. An empty secret is an error: it must not open the server to everybody.
        if value or each.kind.secret:
            yield each.name, each.read(value, each.variable)


def environment_warnings(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield one line if there are variables that Kubernetes has set and that are ignored."""
    links = [name for name in sorted(environ) if _is_service_link(name, environ[name])]
    if links:
        rest = f" and {len(links) - 2} more" if len(links) > 2 else ""
        yield (
            f"{', '.join(links[:2])}{rest}: ignored, because Kubernetes sets them for a Service "
            "(enableServiceLinks: false in the pod's spec keeps them away)"
        )


def _check_known(settings: Iterable[Setting], environ: Mapping[str, str]) -> None:
    known = {each.variable for each in settings} | {*CLIENT_VARIABLES, CONFIG_VARIABLE}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            if _is_service_link(name, environ[name]):
                continue
            near = nearest_setting(settings, name.removeprefix(PREFIX))
            hint = f"did you mean {near.variable}?" if near else _UNSET
            raise InvalidSetting(f"{name}: no such setting; {hint}")


def _is_service_link(name: str, value: str) -> bool:
    if not name.startswith(PREFIX):
        return False
    if name.endswith("_PORT") and value.startswith(_SERVICE_ADDRESSES):
        return True
    return _SERVICE_LINK.fullmatch(name) is not None
