"""``zoldyq config check``: whether a server would start, and with what."""

from __future__ import annotations

from pathlib import Path

import click

from zoldyq.cli.output import echo, echo_lines, notice
from zoldyq.config import SETTINGS, Settings
from zoldyq.config.policies import POLICY_KINDS
from zoldyq.config.setting import Setting
from zoldyq.contract.patterns import InvalidPattern, NamePattern


@click.group(short_help="Check the settings of a server.")
def config() -> None:
    """Check the settings of a server."""


@config.command(short_help="Say whether a server would start.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--queue", "name", metavar="NAME", help="Say what would hold for this queue.")
def check(file: Path | None, name: str | None) -> None:
    """Read the settings from FILE and from the environment, as a server does that starts.

    Prints what differs from the defaults, or with --queue the policy of a queue of that name.
    Without FILE it is the one that ZOLDYQ_CONFIG names, if any. Exits with 0 if all is right, and
    with 2 and one line about the first mistake otherwise.
    """
    settings = Settings.load(file=file)
    for warning in Settings.environment_warnings():
        notice(warning)
    if name is None:
        echo_lines(_changed(settings) or ["every setting has its default"])
        return
    _check_name(name)
    fields = settings.queue_fields(name)
    for field, value in fields.items():
        echo(f"{field} = {POLICY_KINDS[field].show(value) or 'none'}")


def _check_name(name: str) -> None:
    try:
        plain = NamePattern(name).plain
    except InvalidPattern as error:
        raise click.BadParameter(str(error), param_hint="--queue") from None
    if not plain:
        raise click.BadParameter("give a name and no pattern", param_hint="--queue")


def _changed(settings: Settings) -> list[str]:
    changed = [each for each in SETTINGS if getattr(settings, each.name) != each.default]
    lines = [f"{each.name} = {_shown(each, getattr(settings, each.name))}" for each in changed]
    for declared in settings.declared_queues:
        fields = (f"{key} = {_field(key, value)}" for key, value in declared.fields.items())
        lines.append(f"queue {declared.name.text}: {', '.join(fields) or 'the defaults'}")
    return lines


def _shown(setting: Setting, value: object) -> str:
    if setting.kind.secret:
        return "(not shown)"
    return setting.kind.show(value) or "none"


def _field(field: str, value: object) -> str:
    return POLICY_KINDS[field].show(value) or "none"
