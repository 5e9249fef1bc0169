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
#: What a URL of sentinels may say behind a question mark.
_SENTINEL_OPTIONS = {"sentinel_username", "sentinel_password"}
_FORMS = (
    "redis://HOST:PORT/DB, rediss://..., unix:///PATH, redis+cluster://A:PORT,B:PORT or "
    "redis+sentinel://A:PORT,B:PORT/NAME (valkey... alike)"
)


class Address(msgspec.Struct, frozen=True):
    """The parts of a backend's URL.

    ``kind`` is ``single``, ``cluster`` or ``sentinel``; ``nodes`` are its servers as host and port
    (a Unix domain socket has its path as host and port 0); ``master`` is the name that sentinels
    know the primary by. ``sentinel_username`` and ``sentinel_password`` are for the sentinels
    themselves. No name of a user and no password is ever shown.
    """

    kind: str
    nodes: tuple[Node, ...]
    secure: bool = False
    database: int = 0
    username: str = ""
    password: str = ""
    master: str = ""
    sentinel_username: str = ""
    sentinel_password: str = ""

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


def sentinel_address(address: Address, node: Node) -> Address:
    """Return the address of one of the sentinels themselves."""
    username, password = address.sentinel_username, address.sentinel_password
    return Address("single", (node,), address.secure, 0, username, password)


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
        number = _database(options.pop("db", "0"))
        if options or not parts.path.startswith("/"):
            raise _wrong()
        return Address("single", ((parts.path, 0),), False, number, username, password)
    if parts.scheme not in _KINDS or parts.fragment:
        raise _wrong()
    kind, secure = _KINDS[parts.scheme]
    if not set(options) <= (_SENTINEL_OPTIONS if kind == "sentinel" else set()):
        raise _wrong()
    default_port = _SENTINEL_PORT if kind == "sentinel" else _DEFAULT_PORT
    nodes = _nodes(parts.netloc.rpartition("@")[2], default_port)
    master, number = _path(kind, parts.path.strip("/"))
    if kind == "single" and len(nodes) != 1:
        raise InvalidSetting(
            "backend: redis:// names one server; use redis+cluster:// or redis+sentinel:// for more"
        )
    return Address(kind, nodes, secure, number, username, password, master, **options)


def _path(kind: str, path: str) -> tuple[str, int]:
    """Read the end of a URL: the name that sentinels know the primary by, and a database."""
    if kind == "cluster" and path:
        raise InvalidSetting("backend: a Cluster has no database number")
    if kind != "sentinel":
        return "", _database(path or "0")
    master, _, number = path.partition("/")
    if not master:
        raise InvalidSetting(
            "backend: a URL of sentinels ends with the name of the primary, such as "
            "redis+sentinel://host:26379/mymaster"
        )
    return master, _database(number or "0")


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
