"""The ``zoldyq`` command: its subcommands, and how failures reach a person or a script."""

from __future__ import annotations

import sys
from typing import Any

import click

from zoldyq import __version__
from zoldyq.cli import completion as _completion  # noqa: F401 - takes the place of click's
from zoldyq.cli import exit_codes, starting
from zoldyq.cli.administration import delete, purge
from zoldyq.cli.bench import bench
from zoldyq.cli.config import config
from zoldyq.cli.connection import connection_options
from zoldyq.cli.dequeue import dequeue
from zoldyq.cli.dump import dump
from zoldyq.cli.enqueue import enqueue
from zoldyq.cli.health import health
from zoldyq.cli.help import help_command
from zoldyq.cli.move import move
from zoldyq.cli.output import notice
from zoldyq.cli.peek import peek
from zoldyq.cli.policy import declare, update
from zoldyq.cli.profile import profile
from zoldyq.cli.restore import restore
from zoldyq.cli.serve import serve
from zoldyq.cli.statistics import queues, stats
from zoldyq.cli.stdout import OutputFailed
from zoldyq.cli.tail import tail
from zoldyq.cli.token import token
from zoldyq.cli.top import top
from zoldyq.contract.errors import ZoldyQError


class Commands(click.Group):
    """A group of commands in which options without a command belong to ``serve``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        words = self._behind_own_options(ctx, args)
        if words is None or words[:1] == ["serve"]:
            # What stands before the word belongs to serve as well: --token above all.
            before = args[: len(args) - len(words or ())]
            args = ["serve", *before, *(words or ())[1:]]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            starting.end()
            return super().invoke(ctx)
        except OutputFailed as error:
            # A reader that has seen enough, such as head, is no news.
            if not error.reader_gone:
                notice(error.message)
            ctx.exit(exit_codes.FAILED)
        except ZoldyQError as error:
            notice(error.message)
            ctx.exit(exit_codes.exit_code_of(error.code))
        except (KeyboardInterrupt, click.Abort):
            # click.Abort is Ctrl-C, or the end of the input, at a question.
            ctx.exit(exit_codes.INTERRUPTED)

    def _behind_own_options(self, ctx: click.Context, args: list[str]) -> list[str] | None:
        """Return the arguments from the command on; None if there is none, which means serve."""
        flags = {opt: param for param in self.get_params(ctx) for opt in param.opts}
        rest = list(args)
        while rest and (param := flags.get(rest[0].partition("=")[0])) is not None:
            if param.is_eager:  # --help and --version stand for a command
                return rest
            has_value = "=" in rest[0] or getattr(param, "is_flag", False)
            del rest[: 1 if has_value else 2]
        if not rest:
            # Completing the first word must offer the commands.
            return rest if ctx.resilient_parsing else None
        # serve takes no words, so a word that is no command is a mistyped one.
        return None if rest[0].startswith("-") else rest


@click.command(
    cls=Commands,
    options_metavar="",
    subcommand_metavar="[COMMAND] [OPTIONS]",
    context_settings={"help_option_names": ["-h", "--help"]},
    params=connection_options(with_rare=True),
    epilog=f"""\
Options without a command start the server: zoldyq --port 9000 is zoldyq serve --port 9000, and
zoldyq alone is zoldyq serve.

{exit_codes.HELP}

Shell completion, also of the queues' names: eval "$(_ZOLDYQ_COMPLETE=bash_source zoldyq)" in
~/.bashrc, zsh_source in ~/.zshrc, fish_source for fish.
""",
)
@click.version_option(__version__, prog_name="zoldyq", message="%(prog)s %(version)s")
def cli(**_connection: str | None) -> None:
    """ZoldyQ, an in-memory FIFO message server."""


for _command in (
    *(serve, enqueue, dequeue, peek, tail),
    *(queues, stats, top, health),
    *(declare, update, move, purge, delete),
    *(dump, restore, bench, profile, config, token, help_command),
):  # fmt: skip
    cli.add_command(_command)


def main() -> None:
    """Run the command line and exit the process with its exit code."""
    try:
        cli(prog_name="zoldyq")
    except OSError as error:  # such as a full disk under --help, which click prints
        notice(str(error))
        sys.exit(exit_codes.FAILED)
