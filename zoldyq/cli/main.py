"""The ``zoldyq`` command: its subcommands, and how failures reach a person or a script."""

from __future__ import annotations

from typing import IO, Any

import click

from zoldyq import __version__
from zoldyq.cli.serve import serve
from zoldyq.errors import InvalidSetting, ZoldyQError


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
            failure = _BadSetting if isinstance(error, InvalidSetting) else _Failure
            raise failure(error.message) from error

    @staticmethod
    def _means_serve(ctx: click.Context, args: list[str]) -> bool:
        if not args:
            # Completing the first word must offer the commands.
            return not ctx.resilient_parsing
        # serve takes no words, so a word that is no command is a mistyped one.
        return args[0].startswith("-") and args[0] not in {*ctx.help_option_names, "--version"}


class _Failure(click.ClickException):
    """An error of ZoldyQ as one line on standard error; exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"zoldyq: {self.message}", file=file, err=True)


class _BadSetting(_Failure):
    """The caller has to write something differently: exit code 2, as for click's usage errors."""

    exit_code = 2


@click.command(
    cls=Commands,
    options_metavar="",
    subcommand_metavar="[COMMAND] [OPTIONS]",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Options without a command start the server: zoldyq --port 9000 is "
    "zoldyq serve --port 9000, and zoldyq alone is zoldyq serve.",
)
@click.version_option(__version__, prog_name="zoldyq", message="%(prog)s %(version)s")
def cli() -> None:
    """ZoldyQ, an in-memory FIFO message server."""


cli.add_command(serve)


def main() -> None:
    """Run the command line and exit the process with its exit code."""
    cli(prog_name="zoldyq")
