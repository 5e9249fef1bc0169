"""TLS and the password towards the servers that keep the queues."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec

from zoldyq.contract.errors import InvalidSetting
from zoldyq.engine.address import Address


class Security(msgspec.Struct, frozen=True):
    """How connections are secured. ``name`` is what the certificates of the servers must be for;
    empty for the host of each."""

    context: ssl.SSLContext
    name: str = ""

    def name_for(self, host: str) -> str:
        """Return what the certificate of a server must be for."""
        return self.name or host


def make_security(
    address: Address, ca: str | None, cert: str | None, key: str | None, name: str
) -> Security | None:
    """Return how the connections to an address are secured; None without TLS.

    ``ca`` is a file with the authorities that are trusted, None for those of the system. ``cert``
    is a file with a certificate to show, ``key`` one with its key if that stands elsewhere.

    Raises:
        InvalidSetting: a file cannot be used, or is of no use.
    """
    if not address.secure:
        given = {"redis_tls_ca": ca, "redis_tls_cert": cert, "redis_tls_key": key}
        given["redis_tls_name"] = name
        for setting, value in given.items():
            if value:
                raise InvalidSetting(
                    f"{setting} is of no use without TLS: write rediss:// in backend"
                )
        return None
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:  # an ssl.SSLError is one
        raise InvalidSetting(f"redis_tls_ca: cannot use {ca}: {_reason(error)}") from error
    if key is not None and cert is None:
        raise InvalidSetting("redis_tls_key is of no use without redis_tls_cert: set it")
    if cert is not None:
        try:
            context.load_cert_chain(cert, key, _refuse_passphrase)
        except (OSError, ValueError) as error:
            raise InvalidSetting(f"redis_tls_cert: cannot use {cert}: {_reason(error)}") from error
    return Security(context, name)


def with_password(address: Address, file: str | None) -> Address:
    """Return an address with the password that a file holds; the same without a file.

    Raises:
        InvalidSetting: the file cannot be read or is empty, or the URL has a password as well.
    """
    if file is None:
        return address
    if address.password:
        raise InvalidSetting(
            "redis_password_file: the URL in backend has a password as well; leave one out"
        )
    try:
        password = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(
            f"redis_password_file: cannot read {file}: {_reason(error)}"
        ) from error
    if not password:
        raise InvalidSetting(f"redis_password_file: {file} is empty")
    return msgspec.structs.replace(address, password=password)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _refuse_passphrase() -> str:
    raise ValueError("the key has a passphrase; write it to a file without one")
