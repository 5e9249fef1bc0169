"""The Autobahn test suite for WebSocket servers, run against ZoldyQ's session code.

The suite is a program of its own, for Python 2.7. In a virtual environment of that Python:
``pip install autobahntestsuite``. Then, where ``wstest`` is the command that this installs:

    python -m tests.trust.autobahn --wstest path/to/wstest

It takes about a minute. The summary goes to the terminal and into this folder.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from tests.trust.autobahn import summary
from tests.trust.autobahn.echo import PATH, echoing

_FOLDER = Path(__file__).parent
_AGENT = "ZoldyQ"


@click.command(help="Run the Autobahn test suite against an echo on ZoldyQ's WebSocket sessions.")
@click.option(
    "--wstest",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The suite's command, in an environment of Python 2.7.",
)
@click.option(
    "--case",
    "cases",
    multiple=True,
    help="Run these cases alone ('6.*'), and write no summary; may be given several times.",
)
@click.option(
    "--reports",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the suite's own reports, one page a case, in this folder.",
)
@click.option(
    "--seconds", type=click.IntRange(1), default=900, show_default=True, help="Time allowed."
)
def main(wstest: Path, cases: tuple[str, ...], reports: Path | None, seconds: int) -> None:
    """Run the suite; exit 1 unless every case went well."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = reports or Path(scratch)
        run(wstest, cases or ("*",), folder, seconds)
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))[_AGENT]
    document = summary.summarise(index, version(wstest), datetime.now(UTC).date())
    click.echo(summary.as_markdown(document))
    if not cases:
        summary.write(document, _FOLDER)
    if document["failed"]:
        raise click.ClickException(f"failed: {', '.join(document['failed'])}")


def run(wstest: Path, cases: tuple[str, ...], folder: Path, seconds: int) -> None:
    """Have the suite write its reports into a folder.

    Raises:
        ClickException: it failed to run, or did not end in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    specification = folder / "specification.json"
    with echoing() as (host, port):
        server = {"agent": _AGENT, "url": f"ws://{host}:{port}{PATH}", "options": {"version": 18}}
        plan = {
            "outdir": str(folder),
            "servers": [server],
            "cases": cases,
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        specification.write_text(json.dumps(plan), encoding="utf-8")
        command = [str(wstest), "--mode", "fuzzingclient", "--spec", str(specification)]
        try:
            subprocess.run(command, check=True, timeout=seconds, capture_output=True)
        except subprocess.CalledProcessError as error:
            output = (error.stdout + error.stderr).decode(errors="replace")
            raise click.ClickException(f"wstest failed: {output}") from None
        except subprocess.TimeoutExpired:
            raise click.ClickException(f"wstest has not ended after {seconds} s") from None


def version(wstest: Path) -> str:
    """Return which suite it is, in its own words."""
    told = subprocess.run([str(wstest), "--autobahnversion"], check=True, capture_output=True)
    return told.stdout.decode().split("\n")[1].strip()


if __name__ == "__main__":
    main(prog_name="python -m tests.trust.autobahn")
