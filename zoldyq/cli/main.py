"""The ``zoldyq`` command: its subcommands, and how failures reach a person or a script."""

from __future__ import annotations

from typing import Any

import click

from zoldyq import __version__
from zoldyq.cli import exit_codes
from zoldyq.cli.administration import delete, purge
from zoldyq.cli.bench import bench
from zoldyq.cli.dequeue import dequeue
from zoldyq.cli.enqueue import enqueue
from zoldyq.cli.serve import serve
from zoldyq.cli.statistics import queues, stats
from zoldyq.cli.tail import tail
from zoldyq.cli.top import top
from zoldyq.contract.errors import ZoldyQError


class Commands(click.Group):
    """A group of commands in which options without a command belong to ``serve``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if self._means_serve(ctx, args):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ZoldyQError as error:
            click.echo(f"zoldyq: {error.message}", err=True)
            ctx.exit(exit_codes.exit_code_of(error.code))
        except KeyboardInterrupt:
            ctx.exit(exit_codes.INTERRUPTED)

    @staticmethod
    def _means_serve(ctx: click.Context, args: list[str]) -> bool:
        if not args:
            # Completing the first word must offer the commands.
            return not ctx.resilient_parsing
        # serve takes no words, so a word that is no command is a mistyped one.
        return args[0].startswith("-") and args[0] not in {*ctx.help_option_names, "--version"}


@click.command(
    cls=Commands,
    options_metavar="",
    subcommand_metavar="[COMMAND] [OPTIONS]",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"""\
Options without a command start the server: zoldyq --port 9000 is zoldyq serve --port 9000, and
zoldyq alone is zoldyq serve.

{exit_codes.HELP}

Shell completion, also of the queues' names: eval "$(_ZOLDYQ_COMPLETE=bash_source zoldyq)" in
~/.bashrc, zsh_source in ~/.zshrc, fish_source for fish.
""",
)
@click.version_option(__version__, prog_name="zoldyq", message="%(prog)s %(version)s")
def cli() -> None:
    """ZoldyQ, an in-memory FIFO message server."""


for _command in (serve, enqueue, dequeue, tail, queues, stats, top, purge, delete, bench):
    cli.add_command(_command)


def main() -> None:
    """Run the command line and exit the process with its exit code."""
    cli(prog_name="zoldyq")
