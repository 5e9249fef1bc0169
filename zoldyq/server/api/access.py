"""Who is let in: bearer tokens, and which web pages may use the server from a browser.

Browsers send requests on behalf of pages that their user merely looks at, also to servers on the
user's own machine. They say so in ``Origin`` and ``Sec-Fetch-Site``, which no page can forge, so a
page of a foreign origin is kept out unless it was allowed by name.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence

from zoldyq.contract.errors import ForbiddenOrigin, Unauthorized
from zoldyq.contract.routes import ROUTES
from zoldyq.server.api.router import Target
from zoldyq.wire import Headers, members_of

#: Returns a request header by its lower-case name, None where it is missing.
HeaderOf = Callable[[str], str | None]

#: The WebSocket subprotocol that the server speaks.
SUBPROTOCOL = "zoldyq"

# Any page may link to the dashboard, which does nothing when it is opened.
_LINKABLE = frozenset({"dashboard", "dashboard_file"})

# What browsers say of a request that a page of another origin caused. Images, links and a fetch
# without access to the answer come with this alone, without an Origin.
_OTHER_ORIGINS = frozenset({"cross-site", "same-site"})

_BEARER_SUBPROTOCOL = "bearer."
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class AccessPolicy:
    """Lets requests in or refuses them. Without ``tokens`` none is asked for.

    ``origins`` are those whose pages may use the server beside its own, as browsers write them:
    lower case, without a default port.
    """

    def __init__(self, tokens: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._tokens = [token.encode() for token in tokens]
        self._granted = {origin: _granted_to(origin) for origin in origins}

    def admit(self, target: Target | None, header: HeaderOf) -> None:
        """Let a request in, or say why not.

        ``target`` is None where there is nothing at the path, or not with this method. Strangers
        do not learn even that. A WebSocket handshake may carry its token as a subprotocol.

        Raises:
            ForbiddenOrigin: a web page sent it whose origin is not allowed.
            Unauthorized: a token is needed, and the request carries none that is known.
        """
        self._check_origin(target, header)
        if not self._tokens or (target is not None and target.route.right is None):
            return
        given = _given_tokens(header, websocket=target is not None and target.route.websocket)
        # Every candidate and every token is looked at: the time taken tells nothing about them.
        known = [self._is_known(each) for each in given]
        if not known:
            raise Unauthorized("this server asks for a token: send Authorization: Bearer <token>")
        if not any(known):
            raise Unauthorized("this server does not know the token: is it the right one?")

    def cors_headers(self, origin: str | None, *, preflight: bool = False) -> Headers:
        """Return what lets the page of an allowed origin read the reply; nothing for others."""
        granted = self._granted.get(origin) if origin is not None else None
        if granted is None:
            return ()
        return (*granted, *(_PREFLIGHT_HEADERS if preflight else _READABLE_HEADERS))

    def subprotocol(self, header: HeaderOf) -> str | None:
        """Return the subprotocol to select in a WebSocket handshake, None where none fits."""
        return SUBPROTOCOL if SUBPROTOCOL in _offered_subprotocols(header) else None

    def _check_origin(self, target: Target | None, header: HeaderOf) -> None:
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

    def _is_known(self, given: bytes) -> bool:
        matches = [hmac.compare_digest(given, token) for token in self._tokens]
        return any(matches)


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
    scheme, _, authority = origin.lower().partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    if port is None or host is None:
        return False
    return authority.removesuffix(port) == host.lower().removesuffix(port)


def _given_tokens(header: HeaderOf, *, websocket: bool) -> Iterator[bytes]:
    """Yield every token that a request carries."""
    scheme, _, token = (header("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and (token := token.strip()):
        yield token.encode()
    if not websocket:
        return
    for offered in _offered_subprotocols(header):
        if offered.startswith(_BEARER_SUBPROTOCOL):
            encoded = offered.removeprefix(_BEARER_SUBPROTOCOL)
            try:
                yield urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
            except (binascii.Error, ValueError):
                continue  # what cannot be decoded is no token


def _offered_subprotocols(header: HeaderOf) -> Sequence[str]:
    return members_of(header("sec-websocket-protocol"))
