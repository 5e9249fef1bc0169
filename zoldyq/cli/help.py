"""``zoldyq help``: commands, and topics that belong to no single command."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click

from zoldyq.cli.exit_codes import HELP
from zoldyq.cli.output import echo
from zoldyq.cli.template import FIELDS
from zoldyq.config import SETTINGS
from zoldyq.config.policies import POLICY_KINDS

_PROFILES = """\
A profile is a name for a server:

  zoldyq profile add prod --url https://queues.example.com --token-file ~/prod.token
  zoldyq --profile prod queues
  export ZOLDYQ_PROFILE=prod

Without one, ZOLDYQ_URL and ZOLDYQ_TOKEN say where the server is and what opens it. Options win
over both. The token of a profile goes to its own server and to no other."""

_SETTINGS = """\
A setting is a flag of zoldyq serve, a variable, or a key of the TOML file that --config or
ZOLDYQ_CONFIG names. Flags win over variables, and these over the file. zoldyq config check says
what holds. The settings, by their keys in the file:

"""

_QUEUES = """\
A queue's name has 1 to 128 characters of A-Z a-z 0-9 . _ : - and begins with a letter or digit.
The first message creates it, with the policy that the server has for new queues. The fields of
a policy:

"""

_UNITS = """\
Sizes: a number of bytes, or with a unit. K, M, G, T are powers of 1,000 and Ki, Mi, Gi, Ti powers
of 1,024; a B may follow (512Mi, 2GiB, 10MB).

Durations: a number of seconds, or with ms, s, m, h or d (500ms, 5s, 10m)."""

_TEMPLATES = f"""\
zoldyq enqueue QUEUE TEMPLATE --count N sends the template N times. It may hold
{FIELDS}:

  zoldyq enqueue load '{{"n": {{{{n}}}}, "at": "{{{{time}}}}"}}' --count 1000"""


def _settings() -> str:
    return _SETTINGS + "\n".join(f"  {each.name}: {each.meaning}" for each in SETTINGS)


def _queues() -> str:
    fields = (f"  {field}: {kind.allowed}" for field, kind in POLICY_KINDS.items())
    return _QUEUES + "\n".join(fields)


_TOPICS: Mapping[str, Callable[[], str]] = {
    "exit-codes": lambda: HELP.replace(", ", "\n  ").replace(": ", ":\n  ", 1),
    "profiles": lambda: _PROFILES,
    "queues-and-policies": _queues,
    "settings": _settings,
    "templates": lambda: _TEMPLATES,
    "units": lambda: _UNITS,
}


def _complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in (*_commands(ctx), *_TOPICS) if name.startswith(incomplete)]


def _commands(ctx: click.Context) -> Mapping[str, click.Command]:
    group = ctx.find_root().command
    assert isinstance(group, click.Group)
    return group.commands


@click.command("help", short_help="Explain a command or a topic.")
@click.argument("topic", required=False, shell_complete=_complete)
@click.pass_context
def help_command(ctx: click.Context, topic: str | None) -> None:
    """Explain a command or a TOPIC."""
    root = ctx.find_root()
    if topic is None:
        echo(f"{root.get_help()}\n\nTopics: {', '.join(_TOPICS)}. zoldyq help TOPIC explains one.")
    elif topic in _TOPICS:
        echo(_TOPICS[topic]())
    elif topic in (commands := _commands(ctx)):
        with click.Context(commands[topic], info_name=topic, parent=root) as about:
            echo(commands[topic].get_help(about))
    else:
        raise click.UsageError(f"there is no help on {topic!r}; topics are {', '.join(_TOPICS)}")
