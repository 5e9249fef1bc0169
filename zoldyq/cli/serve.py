"""``zoldyq serve``: one option for each setting."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click

from zoldyq.cli import starting
from zoldyq.cli.output import notice
from zoldyq.config import SETTINGS, Settings
from zoldyq.config.environment import CONFIG_VARIABLE
from zoldyq.config.setting import Setting


def _serve(config: str | None, **flags: object) -> None:
    # SIGHUP reads the same file again.
    file = config or os.environ.get(CONFIG_VARIABLE) or None
    load = partial(Settings.load, flags, file=None if file is None else Path(file))
    settings = load()
    for warning in Settings.environment_warnings():
        notice(warning)
    starting.begin()  # until the server takes the signals itself
    try:
        # Only here: the server's imports would slow down every other command and the help.
        from zoldyq.server.run import serve as run

        click.get_current_context().exit(run(settings, None if file is None else load))
    finally:
        starting.end()


def _option(setting: Setting) -> click.Option:
    # Neither a type, a default nor a variable for click: Settings reads every source alike, and
    # only what was given on the command line may win over the environment.
    if setting.kind.switch:
        no = setting.flag.replace("--", "--no-", 1)
        return click.Option(
            [f"{setting.flag}/{no}", setting.name], default=None, help=_help(setting)
        )
    return click.Option(
        [setting.flag, setting.name],
        metavar=setting.kind.metavar,
        multiple=setting.kind.repeatable,
        help=_help(setting),
    )


def _help(setting: Setting) -> str:
    return f"{setting.explanation}  [{_origin(setting)}]"


def _origin(setting: Setting) -> str:
    default = f"; default: {setting.default_text}" if setting.default_text else ""
    return f"env: {setting.variable}{default}"


_CONFIG = click.Option(
    ["--config"],
    metavar="FILE",
    help=f"TOML file with settings by their names, such as max_queues  [env: {CONFIG_VARIABLE}]",
)

serve = click.Command(
    "serve",
    callback=_serve,
    params=[_CONFIG, *map(_option, SETTINGS)],
    short_help="Start the server.",
    help="Start the server.\n\nFlags win over environment variables, these over the file of "
    "--config, and that over the defaults.",
)
