"""Where the queues are kept: the URL that ``--backend`` names."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from zoldyq.contract.errors import InvalidSetting

_DEFAULT_PORT = 6379
_SENTINEL_PORT = 26379

Node = tuple[str, int]

#: Schemes by what they mean: the kind of topology, and whether TLS is spoken.
_KINDS = {
    "redis": ("single", False),
    "rediss": ("single", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
}
_FORMS = (
    "redis://HOST:PORT/DB, rediss://..., unix:///PATH, redis+cluster://A:PORT,B:PORT or "
    "redis+sentinel://A:PORT,B:PORT/NAME (valkey... alike)"
)


class Address(msgspec.Struct, frozen=True):
    """The parts of a backend's URL.

    ``kind`` is ``single``, ``cluster`` or ``sentinel``; ``nodes`` are its servers as host and port
    (a Unix domain socket has its path as host and port 0); ``master`` is the name that sentinels
    know the primary by. Neither ``password`` nor ``username`` is ever shown.
    """

    kind: str
    nodes: tuple[Node, ...]
    secure: bool = False
    database: int = 0
    username: str = ""
    password: str = ""
    master: str = ""

    def __repr__(self) -> str:
        return f"Address({self.kind}, {self.names})"

    @property
    def names(self) -> list[str]:
        """The nodes as a person writes them."""
        return [name_of(node) for node in self.nodes]


def name_of(node: Node) -> str:
    """Return a node as a person writes it."""
    host, port = node
    if not port:
        return f"unix://{host}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_address(url: str) -> Address:
    """Read a backend's URL.

    Raises:
        InvalidSetting: it is no such URL. The text never repeats a password.
    """
    try:
        parts = urlsplit(url.replace("valkey", "redis", 1) if url.startswith("valkey") else url)
        username, password = unquote(parts.username or ""), unquote(parts.password or "")
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise _wrong() from None
    if parts.scheme == "unix":
        database = _database(options.pop("db", "0"))
        if options or not parts.path.startswith("/"):
            raise _wrong()
        return Address("single", ((parts.path, 0),), False, database, username, password)
    if parts.scheme not in _KINDS or options or parts.fragment:
        raise _wrong()
    kind, secure = _KINDS[parts.scheme]
    nodes = _nodes(
        parts.netloc.rpartition("@")[2], _SENTINEL_PORT if kind == "sentinel" else _DEFAULT_PORT
    )
    last = parts.path.strip("/")
    if kind == "sentinel":
        if not last:
            raise InvalidSetting(
                "backend: a URL of sentinels ends with the name of the primary, such as "
                "redis+sentinel://host:26379/mymaster"
            )
        return Address(kind, nodes, secure, 0, username, password, last)
    if kind == "single" and len(nodes) != 1:
        raise InvalidSetting(
            "backend: redis:// names one server; use redis+cluster:// or redis+sentinel:// for more"
        )
    if kind == "cluster" and last:
        raise InvalidSetting("backend: a Cluster has no database number")
    return Address(kind, nodes, secure, _database(last or "0"), username, password)


def _nodes(text: str, default_port: int) -> tuple[Node, ...]:
    nodes = []
    for each in text.split(","):
        try:
            parts = urlsplit(f"//{each}")
            host, port = parts.hostname, parts.port
        except ValueError:
            raise _wrong() from None
        if not host:
            raise _wrong()
        nodes.append((host, default_port if port is None else port))
    return tuple(nodes)


def _database(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 4):
        raise InvalidSetting("backend: the database is a number, such as redis://host:6379/0")
    return int(text)


def _wrong() -> InvalidSetting:
    return InvalidSetting(f"backend: this is no URL of a server; write it as {_FORMS}")
