"""A certificate for servers on loopback that speak TLS."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.servers.process import HOST, find

_KIND = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


@contextmanager
def certificate() -> Iterator[Path]:
    """Make a certificate that signs itself, with its key in one PEM file: ECDSA on P-256."""
    openssl = find("openssl", "openssl")
    with tempfile.TemporaryDirectory() as folder:
        key, cert, both = (Path(folder, name) for name in ("key", "cert", "both.pem"))
        subprocess.run(
            [
                *(openssl, "req", "-x509", *_KIND, "-subj", "/CN=localhost"),
                *("-addext", f"subjectAltName=IP:{HOST}", "-keyout", key, "-out", cert),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
        both.write_bytes(cert.read_bytes() + key.read_bytes())
        yield both


def context_of(certificate: Path) -> ssl.SSLContext:
    """Return what a client that trusts this certificate connects with."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.set_alpn_protocols(["http/1.1"])
    return context
