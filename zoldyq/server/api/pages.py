"""Which web pages may use the server from a browser.

Browsers send requests for pages that their user only looks at, also to servers on the user's own
machine. Two rules keep such pages out:

- *Origin.* A browser says in ``Origin`` and ``Sec-Fetch-Site`` which page has caused a request, and
  no page can forge that. A page of a foreign origin is kept out unless it is allowed by name.
- *Host.* A page may come from a name that its owner then points to the server's address (DNS
  rebinding). Its origin looks like the server's own. But its requests carry the forged name in
  ``Host``, so what a browser sends is answered only under names that nobody else can point here:
  addresses, ``localhost``, and what the operator has allowed.

Requests of programs that are no browsers are not looked at.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

from zoldyq.contract.errors import ForbiddenHost, ForbiddenOrigin
from zoldyq.contract.routes import ROUTES
from zoldyq.server.api.router import Target
from zoldyq.wire import Headers

#: Returns a request header by its lower-case name, None where it is missing.
HeaderOf = Callable[[str], str | None]

# Any page may link to the dashboard, which does nothing when it is opened.
_LINKABLE = frozenset({"dashboard", "dashboard_file"})

# What browsers say of a request that a page of another origin caused. Images, links and a fetch
# without access to the answer come with this alone, without an Origin.
_OTHER_ORIGINS = frozenset({"cross-site", "same-site"})

# Only browsers send these.
_MARKS = (
    "origin",
    "sec-fetch-site",
    "sec-fetch-dest",
    "sec-fetch-user",
    "sec-fetch-storage-access",
)

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_PORT = re.compile(r":\d*\Z", re.ASCII)


class Pages:
    """Lets the requests of web pages in, or refuses them.

    ``origins`` are those whose pages may use the server beside its own, as browsers write them:
    lower case, without a default port. ``hosts`` are names under which the server may be used from
    a browser; a leading ``*.`` stands for any name below.
    """

    def __init__(self, origins: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        self._granted = {origin: _granted_to(origin) for origin in origins}
        names = [*map(str.lower, hosts), *(_name_of(_authority_of(each)) for each in self._granted)]
        self._hosts = frozenset(name for name in names if not name.startswith("*."))
        self._domains = tuple(name[1:] for name in names if name.startswith("*."))

    def check(self, target: Target | None, header: HeaderOf) -> None:
        """Let a request in that no page sent, or a page that may.

        Raises:
            ForbiddenOrigin: the page that sent it has an origin that is not allowed.
            ForbiddenHost: a browser sent it to a name that somebody else may have pointed here.
        """
        origin = header("origin")
        if origin in self._granted:
            return  # browsers mark its requests as cross-site, too
        foreign = origin is not None and not _is_own(origin, header("host"))
        linkable = target is not None and target.route.operation in _LINKABLE
        if foreign or (header("sec-fetch-site") in _OTHER_ORIGINS and not linkable):
            raise ForbiddenOrigin(
                "web pages of other origins may not use this server: "
                "name the origin in cors_origins to allow it"
            )
        host = header("host")
        if _is_of_a_browser(header) and not self._is_safe(_name_of(host or "")):
            raise ForbiddenHost(
                "browsers may use this server by its address, as localhost, or by a name that it "
                "knows: start it with --allowed-host NAME to allow this one",
                host=(host or "")[:300],
            )

    def cors_headers(self, origin: str | None, *, preflight: bool = False) -> Headers:
        """Return what lets the page of an allowed origin read the reply; nothing for others."""
        granted = self._granted.get(origin) if origin is not None else None
        if granted is None:
            return ()
        return (*granted, *(_PREFLIGHT_HEADERS if preflight else _READABLE_HEADERS))

    def _is_safe(self, name: str) -> bool:
        return (
            name == "localhost"
            or name.endswith((".localhost", *self._domains))
            or name in self._hosts
            or _is_address(name)
        )


_METHODS = sorted({"HEAD", "PATCH", *(route.method for route in ROUTES)})
_PREFLIGHT_HEADERS: Headers = (
    ("Access-Control-Allow-Methods", ", ".join(_METHODS)),
    ("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept"),
    ("Access-Control-Max-Age", "600"),
)
_READABLE_HEADERS: Headers = (("Access-Control-Expose-Headers", "Retry-After"),)


def _granted_to(origin: str) -> Headers:
    return (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))


def _is_own(origin: str, host: str | None) -> bool:
    """Tell whether a page of this origin came from the host that the request was sent to.

    The scheme is left out, because a proxy in front may speak TLS where this server does not.
    """
    scheme = origin.lower().partition("://")[0]
    port = _DEFAULT_PORTS.get(scheme)
    if port is None or host is None:
        return False
    return _authority_of(origin).removesuffix(port) == host.lower().removesuffix(port)


def _is_of_a_browser(header: HeaderOf) -> bool:
    """Tell whether a browser has marked a request.

    ``Sec-Fetch-Mode`` alone comes from the fetch of Node.js, which is no browser. Where a name is
    reached over plain HTTP, browsers leave out all ``Sec-Fetch-*``, and a GET of the page's own
    host has no Origin either. What they send then, and no page can prevent, is Accept-Language.
    """
    if any(header(mark) is not None for mark in _MARKS):
        return True
    mode = header("sec-fetch-mode")
    if mode is not None:
        return header("user-agent") not in _NODE
    return header("accept-language") is not None


#: What the fetch of Node.js calls itself.
_NODE = frozenset({"node", "undici"})


def _authority_of(origin: str) -> str:
    return origin.lower().partition("://")[2]


def _name_of(authority: str) -> str:
    """Return the host of an authority without its port: a name, or an address without brackets."""
    name = _PORT.sub("", authority.strip().lower())
    if name.startswith("[") and name.endswith("]"):
        return name[1:-1]
    return name.removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
