"""Where a server is."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

import msgspec

from zoldyq.client.errors import InvalidUrl

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True):
    """The parts of a server's URL. ``prefix`` is the path under which a proxy shows the server.

    For a Unix domain socket ``unix_path`` is its path; the host is ``localhost`` then, for the
    Host header alone.
    """

    scheme: str
    host: str
    port: int
    prefix: str
    unix_path: str = ""

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read a URL: ``http://127.0.0.1:9000``, ``https://example.org/queues-of-mine`` or
        ``unix:///run/zoldyq.sock``.

        Raises:
            InvalidUrl: it is not the URL of a server. User names in it are refused: tokens do not
                belong into a URL, because URLs are logged.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InvalidUrl(f"{url!r} is no URL: {error}") from error
        if parts.username is not None or parts.query or parts.fragment:
            raise InvalidUrl("the URL of a server has no user name, query or fragment")
        if parts.scheme == "unix":
            return cls._of_unix_socket(url, parts.netloc, unquote(parts.path))
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise InvalidUrl(
                f"{url!r} is not the URL of a server: write it as http://127.0.0.1:9000 or "
                "unix:///path/of/the/socket"
            )
        port = _DEFAULT_PORTS[parts.scheme] if port is None else port
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))

    @classmethod
    def _of_unix_socket(cls, url: str, host: str, path: str) -> Address:
        if host or path in ("", "/"):
            raise InvalidUrl(f"{url!r} names no Unix socket: write it as unix:///path/of/it")
        return cls("unix", "localhost", 80, "", path)

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken there."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port, as in a Host header."""
        if self.unix_path:
            return self.host
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL, without a slash at the end."""
        if self.unix_path:
            return f"unix://{quote(self.unix_path)}"
        return f"{self.scheme}://{self.authority}{self.prefix}"

    def target(self, path: str) -> str:
        """Return the request target of one of the server's paths."""
        return self.prefix + path


def queue_path(name: str, verb: str = "") -> str:
    """Return the path of a queue, or of what is done with it.

    A wrong name reaches the server as it is, and never as another path, which ``..`` would become
    on the way.
    """
    escaped = name.replace(".", "%2E") if name in (".", "..") else quote(name, safe=":")
    path = f"/queues/{escaped}"
    return f"{path}/{verb}" if verb else path
