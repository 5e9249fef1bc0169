"""A scan of the TLS port by sslyze, judged by Mozilla's recommendation for servers.

``pip install sslyze`` (in an environment of its own), and where ``sslyze`` is the command:

    python -m tests.trust.tls_scan --sslyze path/to/sslyze

It takes some seconds. The summary goes to the terminal; it is kept in tls_scan.md.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tests.certificates import EC, RSA, Authority
from tests.contract.servers import start

_SECONDS = 120
_VERSIONS = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2", "tls_1_3")
#: Of Mozilla's judgements, what depends on how the tests make their certificates.
_OF_THE_CERTIFICATE = "certificate_path_validation"


@dataclass(frozen=True)
class Case:
    """A server to scan: its kind of key, and whether clients need a certificate and have one."""

    name: str
    key: tuple[str, ...] = EC
    asks: bool = False
    shows: bool = False


CASES = (
    Case("ECDSA certificate"),
    Case("RSA certificate", key=RSA),
    Case("client certificates asked for, none shown", asks=True),
    Case("client certificates asked for, one shown", asks=True, shows=True),
)


@click.command(help=__doc__)
@click.option("--sslyze", default="sslyze", show_default=True, help="The command of sslyze.")
def main(sslyze: str) -> None:
    """Scan a server of each kind; exit 1 if one falls behind the recommendation."""
    wrong = []
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="zoldyq-scan-") as folder:
            report, said = scan(sslyze, case, Path(folder))
        click.echo(f"{case.name} (sslyze {report['sslyze_version']})")
        click.echo("\n".join(f"  {line}" for line in summary(report)))
        complaints = list(complaints_in(said))
        wrong += complaints
        click.echo("\n".join(f"  against the recommendation: {each}" for each in complaints))
    if wrong:
        raise click.ClickException("the TLS port falls behind Mozilla's recommendation")


def scan(sslyze: str, case: Case, folder: Path) -> tuple[dict[str, Any], str]:
    """Start a server, and return the report about it, and what sslyze printed."""
    authority = Authority(folder)
    settings: dict[str, object] = {"tls_cert": authority.issue(key_of=case.key)}
    command = [sslyze, "--json_out", str(folder / "report.json"), "--mozilla_config=intermediate"]
    if case.asks:
        settings["tls_client_ca"] = authority.ca
    if case.shows:
        own = authority.issue("client")
        command += ["--cert", str(own.with_suffix(".crt")), "--key", str(own.with_suffix(".key"))]
    server = start("native", folder, drain_seconds=0, **settings)
    try:
        done = subprocess.run(
            [*command, f"localhost:{server.port}"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    finally:
        server.stop()
    return json.loads((folder / "report.json").read_text(encoding="utf-8")), done.stdout


def complaints_in(said: str) -> Iterator[str]:
    """Yield what is against the recommendation, without what is up to the certificate."""
    judgement = said.partition("COMPLIANCE AGAINST TLS CONFIGURATION")[2]
    if not judgement:
        yield "sslyze came to no judgement"
    for line in judgement.splitlines():
        if line.lstrip().startswith("* ") and _OF_THE_CERTIFICATE not in line:
            yield line.strip("* ")


def summary(report: dict[str, Any]) -> Iterator[str]:
    """Yield what the report says, a line each."""
    (server,) = report["server_scan_results"]
    found = {name: each["result"] for name, each in server["scan_result"].items()}
    reached = server["connectivity_result"]
    yield f"client certificate: {reached['client_auth_requirement'].lower()}"
    for version in _VERSIONS:
        accepted = found[f"{version}_cipher_suites"]["accepted_cipher_suites"]
        names = (each["cipher_suite"]["name"] for each in accepted)
        yield f"{version.replace('_', ' ')}: {', '.join(names) or 'refused'}"
    curves = found["elliptic_curves"]["supported_curves"] or []
    yield f"groups: {', '.join(curve['name'] for curve in curves)}"
    for name in ("tls_compression", "heartbleed", "openssl_ccs_injection", "robot"):
        yield _line(name, found[name])
    for name in ("session_renegotiation", "tls_fallback_scsv", "tls_extended_master_secret"):
        yield _line(name, found[name])


def _line(name: str, result: dict[str, Any] | None) -> str:
    if result is None:
        return f"{name}: not scanned"
    return f"{name}: " + ", ".join(f"{key} {value}" for key, value in result.items())


if __name__ == "__main__":
    main(prog_name="python -m tests.trust.tls_scan")
