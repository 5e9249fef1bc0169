"""Certificates for tests, from an authority that the tests make with openssl."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Self

import pytest

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
RSA = ("-newkey", "rsa:2048")


class SecureAddress(tuple[str, int]):  # noqa: SLOT001 - it has a context beside the two
    """Host and port of a server that speaks TLS, with what connections to it are made with."""

    context: ssl.SSLContext

    @classmethod
    def of(cls, host: str, port: int, context: ssl.SSLContext) -> Self:
        address = cls((host, port))
        address.context = context
        return address


class Authority:
    """Signs certificates. Its files are in ``folder``, its own certificate is ``ca``."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self._folder = folder
        self.ca = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._issued = 0
        usage = "keyUsage=critical,keyCertSign,cRLSign"
        self._request(EC, name, self.ca, self._key, "-addext", usage)

    def issue(self, name: str = "localhost", *, key_of: tuple[str, ...] = EC) -> Path:
        """A new certificate with its key in one PEM file, for a server or a client of this name."""
        self._issued += 1
        path = self._folder / f"{name}-{self._issued}.pem"
        certificate, key = path.with_suffix(".crt"), path.with_suffix(".key")
        names = f"subjectAltName=DNS:{name},DNS:localhost,IP:127.0.0.1,IP:::1"
        self._request(
            *(key_of, name, certificate, key, "-CA", str(self.ca), "-CAkey", str(self._key)),
            *("-addext", names, "-addext", "basicConstraints=critical,CA:FALSE"),
            *("-addext", "keyUsage=critical,digitalSignature,keyEncipherment"),
        )
        path.write_bytes(certificate.read_bytes() + key.read_bytes())
        return path

    def revoke(self, certificate: Path, into: Path) -> None:
        """Write a list that revokes a certificate of this authority."""
        index, configuration = self._folder / "index.txt", self._folder / "ca.cnf"
        index.touch()
        configuration.write_text(
            f"[ca]\ndefault_ca = own\n[own]\ndatabase = {index}\ndefault_md = sha256\n"
            "default_crl_days = 2\n"
        )
        command = ["openssl", "ca", "-config", configuration]
        command += ["-cert", self.ca, "-keyfile", self._key]
        for step in (("-revoke", certificate), ("-gencrl", "-out", into)):
            subprocess.run([*command, *step], check=True, capture_output=True, timeout=60)

    def context(self, client: Path | None = None) -> ssl.SSLContext:
        """What a client that trusts this authority connects with, perhaps with a certificate."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if client is not None:
            context.load_cert_chain(client)
        return context

    @staticmethod
    def _request(
        kind: tuple[str, ...], name: str, certificate: Path, key: Path, *more: str
    ) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("needs openssl (Debian: openssl)")
        subprocess.run(
            [
                *(openssl, "req", "-x509", *kind, "-nodes", "-days", "2", "-subj", f"/CN={name}"),
                *("-keyout", str(key), "-out", str(certificate), *more),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )


@cache
def shared_authority() -> Authority:
    """The authority of the whole test run."""
    # Not a folder of pytest's: servers of all fixtures share it, and it lives as long as they do.
    _folders.append(tempfile.TemporaryDirectory(prefix="zoldyq-ca-"))
    return Authority(Path(_folders[-1].name))


@cache
def shared_certificate() -> Path:
    """A certificate of the server, with its key."""
    return shared_authority().issue()


_folders: list[tempfile.TemporaryDirectory[str]] = []  # removed with the process
