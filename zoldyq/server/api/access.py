"""Who is let in: tokens with their rights, and web pages."""

from __future__ import annotations

import binascii
import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from zoldyq.contract.errors import Unauthorized
from zoldyq.contract.routes import Right
from zoldyq.server.api.pages import HeaderOf, Pages
from zoldyq.server.api.router import Target
from zoldyq.server.api.tokens import (
    ANYBODY,
    STRANGER,
    Token,
    check_right,
    digest_of,
    find_token,
    lacks_right,
)
from zoldyq.wire import Headers, members_of

__all__ = ["SUBPROTOCOL", "AccessPolicy", "HeaderOf", "Pass"]

#: The WebSocket subprotocol that the server speaks.
SUBPROTOCOL = "zoldyq"

_BEARER_SUBPROTOCOL = "bearer."


class Pass(NamedTuple):
    """What a WebSocket session was opened with, to be looked at again when the tokens change."""

    token: Token
    right: Right | None
    queue: str


class AccessPolicy:
    """Lets requests in or refuses them. Without any token none is asked for.

    Who has one of ``secrets`` may do everything; ``tokens`` have rights of their own, and can be
    replaced while the server runs. ``origins`` and ``hosts`` are those of :class:`Pages`.
    """

    def __init__(
        self,
        secrets: Iterable[str] = (),
        origins: Iterable[str] = (),
        *,
        tokens: Iterable[Token] = (),
        hosts: Iterable[str] = (),
    ) -> None:
        self._pages = Pages(origins, hosts)
        self._masters = tuple(Token("token", digest_of(secret.encode())) for secret in secrets)
        # Replaced as a whole, so that who reads it needs no lock.
        self._known = (*self._masters, *tokens)
        self._lock = threading.Lock()  # guards the list of those who are told of changes
        self._watchers: list[Callable[[], None]] = []

    def admit(self, target: Target | None, header: HeaderOf) -> Token:
        """Let a request in and return who sent it, or say why not.

        ``target`` is None where there is nothing at the path, or not with this method. Strangers
        do not learn even that. A WebSocket handshake may carry its token as a subprotocol.

        Raises:
            ForbiddenOrigin, ForbiddenHost: as :meth:`Pages.check`.
            Unauthorized: a token is needed, and the request carries none that is known.
            Forbidden: its token lacks the right.
        """
        self._pages.check(target, header)
        known = self._known
        if not known:
            return ANYBODY
        websocket = target is not None and target.route.websocket
        secrets = list(_given_secrets(header, websocket=websocket))
        token = find_token(known, secrets)
        if target is not None and target.route.right is None:
            return token or STRANGER
        if token is None:
            raise Unauthorized(
                "this server does not know the token: is it the right one?"
                if secrets
                else "this server asks for a token: send Authorization: Bearer <token>"
            )
        if target is not None:
            _check_right(token, target)
        return token

    def still_admits(self, given: Pass) -> bool:
        """Tell whether a session that was let in with this would be let in now."""
        known = self._known
        if not known:
            return True
        for token in known:
            if token.digest == given.token.digest:
                return given.right is None or token.may(given.right, given.queue)
        return False

    def replace_tokens(self, tokens: Iterable[Token]) -> None:
        """Put other tokens with rights in the place of the present ones, from now on.

        When it returns, everything that watches has forgotten what it knew of the old ones.
        """
        self._known = (*self._masters, *tokens)
        with self._lock:
            watchers = list(self._watchers)
        for watcher in watchers:
            watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Have ``watcher()`` called after each change, on the thread that makes it."""
        with self._lock:
            self._watchers.append(watcher)

    def reply_headers(self, method: str, header: HeaderOf) -> Headers:
        """Return what lets the page of an allowed origin read the reply; nothing for others."""
        asked = method == "OPTIONS" and header("access-control-request-method") is not None
        return self._pages.cors_headers(header("origin"), preflight=asked)

    def subprotocol(self, header: HeaderOf) -> str | None:
        """Return the subprotocol to select in a WebSocket handshake, None where none fits."""
        return SUBPROTOCOL if SUBPROTOCOL in _offered_subprotocols(header) else None


def _check_right(token: Token, target: Target) -> None:
    """Raise Forbidden unless a token covers what a request asks for."""
    right, name = target.route.right, target.name
    if right is None:
        return
    if target.route.every_queue:
        if token.may_on_all(right):
            return
        where = "all queues (its pattern has to be *)"
    elif not name:
        if right in token.rights:
            return  # it is shown the queues that it may see
        where = "any queue"
    else:
        check_right(token, right, name)
        return
    raise lacks_right(token, right, where)


def _given_secrets(header: HeaderOf, *, websocket: bool) -> Iterator[bytes]:
    """Yield every secret that a request carries."""
    scheme, _, secret = (header("authorization") or "").partition(" ")
    if scheme.lower() == "bearer" and (secret := secret.strip()):
        yield secret.encode()
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
