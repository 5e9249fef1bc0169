"""Where a server is."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

import msgspec

from zoldyq.client.errors import InvalidUrl

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True):
    """The parts of a server's URL. ``prefix`` is the path under which a proxy shows the server."""

    scheme: str
    host: str
    port: int
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL such as ``http://127.0.0.1:9000`` or ``https://example.org/queues-of-mine``.

        Raises:
            InvalidUrl: it is none of a server. User names in it are refused: tokens are no part
                of a URL, which ends up in logs.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InvalidUrl(f"{url!r} is no URL: {error}") from error
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise InvalidUrl(f"{url!r} is no URL of a server: write it as http://127.0.0.1:9000")
        if parts.username is not None or parts.query or parts.fragment:
            raise InvalidUrl("the URL of a server has no user name, query or fragment")
        port = _DEFAULT_PORTS[parts.scheme] if port is None else port
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken there."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port, as in a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL, without a slash at the end."""
        return f"{self.scheme}://{self.authority}{self.prefix}"

    def target(self, path: str) -> str:
        """Return the request target of one of the server's paths."""
        return self.prefix + path


def queue_path(name: str, verb: str = "") -> str:
    """Return the path of a queue, or of what is done with it.

    A name that is none reaches the server as it is, and never as another path, which ``..`` would
    become on the way.
    """
    escaped = name.replace(".", "%2E") if name in (".", "..") else quote(name, safe=":")
    path = f"/queues/{escaped}"
    return f"{path}/{verb}" if verb else path
