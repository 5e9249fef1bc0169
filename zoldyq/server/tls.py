"""The server's side of TLS: its certificate, and which clients get past the handshake."""

from __future__ import annotations

import ssl
from contextlib import suppress

from zoldyq.contract.errors import InvalidSetting

#: Suites of TLS 1.2 with a fresh key for each connection and authenticated encryption. Those of
#: Python's defaults with CBC, which they have for clients from before 2013, are left out.
_SUITES = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!aDSS"
_NO_PEM = "NO_PEM"  # OpenSSL has no word for it
#: What OpenSSL finds, for people.
_REASONS = {
    _NO_PEM: "a certificate or a key is missing there, as text in PEM; a key in a file of its own "
    "is named by tls_key",
    "KEY_VALUES_MISMATCH": "the key is not that of the certificate",
    "EE_KEY_TOO_SMALL": "the key is too small: RSA needs 2048 bits",
    "NO_CERTIFICATE_OR_CRL_FOUND": "there is no certificate in it, as text in PEM",
}
#: From this version on OpenSSL offers no key exchange by default that costs milliseconds.
_CHEAP_GROUPS_SINCE = (3, 5)


class Certificate:
    """What TLS connections are made with, from files in PEM that can be read again.

    ``key_file`` may be left out where the first file holds the key as well. With ``client_ca`` a
    client needs a certificate that one of those in this file has signed. :attr:`context` is
    replaced as a whole, so any thread may take it at any time.

    Raises:
        InvalidSetting: a file cannot be read, or holds nothing that can be used.
    """

    def __init__(
        self, cert_file: str, key_file: str | None = None, client_ca: str | None = None
    ) -> None:
        self._cert_file = cert_file
        self._key_file = key_file
        self._client_ca = client_ca
        self.context = self._read()

    def read_again(self) -> None:
        """Use what the files hold now for new connections. Open ones keep what they have.

        Raises:
            InvalidSetting: as above; then new connections get the same as before.
        """
        self.context = self._read()

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # TLS 1.2 and 1.3
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_ciphers(_SUITES)
        _refuse_costly_groups(context)
        # A client that ends its half of the connection without a close_notify is no error: HTTP
        # tells where a request ends. Else OpenSSL adds an alert behind the last response, and a
        # client that reads both at once (asyncio, for one) drops that response.
        context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
        context.set_alpn_protocols(["http/1.1"])
        self._load_certificate(context)
        if self._client_ca is not None:
            self._load_client_ca(context, self._client_ca)
        return context

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        files = self._cert_file if self._key_file is None else f"{self._cert_file} with the key "
        files += self._key_file or ""
        try:
            context.load_cert_chain(self._cert_file, self._key_file, _refuse_passphrase)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise InvalidSetting(f"tls_cert: cannot use {files}: {_reason(error)}") from error

    @staticmethod
    def _load_client_ca(context: ssl.SSLContext, client_ca: str) -> None:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ValueError) as error:
            raise InvalidSetting(
                f"tls_client_ca: cannot use {client_ca}: {_reason(error)}"
            ) from error
        context.verify_mode = ssl.CERT_REQUIRED
        if context.cert_store_stats()["crl"]:
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF


def _refuse_costly_groups(context: ssl.SSLContext) -> None:
    """Let no client choose a key exchange that costs the server far more than the client.

    OpenSSL takes ffdhe8192 for TLS 1.3, which keeps the event loop busy for a tenth of a second
    at each handshake, and costs a client nothing: its share need not be computed (CVE-2002-20001).
    Python can name one group alone. Every client has P-256 (RFC 8446, section 9.1); one that
    guessed another needs one more round trip.
    """
    if ssl.OPENSSL_VERSION_INFO < _CHEAP_GROUPS_SINCE:
        context.set_ecdh_curve("prime256v1")


def send_close_notify(sock: ssl.SSLSocket) -> None:
    """Tell the peer that nothing more will come, as far as the system takes it at once.

    All that was written before has to be out. The socket does not block from here on; read what
    still comes without decrypting it.
    """
    with suppress(OSError, ValueError):  # the peer has gone, or has not said the same yet
        sock.setblocking(False)
        sock.unwrap()


def _refuse_passphrase() -> str:
    raise ValueError("the key has a passphrase; write it to a file without one")


def _reason(error: Exception) -> str:
    """Return what OpenSSL or the system has to say, on one short line."""
    if isinstance(error, ssl.SSLError):
        reason = error.reason or _NO_PEM
        return _REASONS.get(reason) or reason.replace("_", " ").lower()
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
