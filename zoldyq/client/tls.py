"""How a client checks whom it talks to over TLS, and shows who it is itself."""

from __future__ import annotations

import ssl

from zoldyq.client.address import Address
from zoldyq.client.errors import InvalidOption


def tls_context(
    address: Address,
    *,
    ca_file: str | None = None,
    verify: bool = True,
    cert_file: str | None = None,
    key_file: str | None = None,
) -> ssl.SSLContext | None:
    """Return what TLS connections are made with; None where the address is without TLS.

    ``ca_file`` names the certificates to trust in the place of the system's, in PEM. With
    ``verify=False`` any certificate is accepted. ``cert_file`` and ``key_file`` are the client's
    own; the key may stand in the first as well.

    Raises:
        InvalidOption: a file cannot be used, or TLS is asked for where none is spoken.
    """
    if not address.secure:
        if ca_file is not None or cert_file is not None or key_file is not None or not verify:
            raise InvalidOption(
                f"{address.url} is spoken to without TLS: write https://, or leave the TLS "
                "options out"
            )
        return None
    if key_file is not None and cert_file is None:
        raise InvalidOption("key_file is of no use without cert_file")
    try:
        return _context(ca_file, verify, cert_file, key_file)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        files = " or ".join(name for name in (ca_file, cert_file, key_file) if name)
        raise InvalidOption(f"cannot use {files or 'TLS'}: {error}") from error


def _context(
    ca_file: str | None, verify: bool, cert_file: str | None, key_file: str | None
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if cert_file is not None:
        context.load_cert_chain(cert_file, key_file)
    return context
