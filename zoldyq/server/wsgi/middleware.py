"""What happens to every request of the application: who may send it, and how it is refused.

Every refusal is an error document of :mod:`zoldyq.wire`, also where Falcon is the one to refuse,
and is counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import falcon
from falcon import Request, Response

from zoldyq.contract.errors import (
    BadRequest,
    MalformedRequest,
    Overloaded,
    Refused,
    ServerFault,
    UnsafeServer,
    ZoldyQError,
)
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.api.refusals import Refusals
from zoldyq.server.api.router import Target, target_of
from zoldyq.server.api.targets import check_target_and_host
from zoldyq.server.wsgi.exchange import CALLER_KEY, send


class AccessMiddleware:
    """Keeps out who may not come in, and tells browsers what their pages may read."""

    def __init__(
        self, access: AccessPolicy, server_is_safe: Callable[[Mapping[str, Any]], bool]
    ) -> None:
        self._access = access
        self._server_is_safe = server_is_safe

    def process_request(self, req: Request, resp: Response) -> None:
        """Find out what the request is, and refuse what must not reach a responder.

        Raises:
            UnsafeServer: see :func:`server_is_safe`.
            MalformedRequest: as :func:`check_target_and_host`.
            Unauthorized, Forbidden, ForbiddenOrigin, ForbiddenHost: as :meth:`AccessPolicy.admit`.
            NotFound, MethodNotAllowed: as :meth:`Router.find`.
        """
        if not self._server_is_safe(req.env):
            raise UnsafeServer(
                "the queues live in one process and need several threads: run the server with "
                "--workers 1 --threads N and without --max-requests"
            )
        check_target_and_host(req.env)
        try:
            target = target_of(req.env)
        except ZoldyQError:
            self._access.admit(None, req.get_header)
            raise
        req.env[CALLER_KEY] = self._access.admit(target, req.get_header)

    def process_response(
        self, req: Request, resp: Response, resource: object, req_succeeded: bool
    ) -> None:
        """Let the page of an allowed origin read the reply, errors included."""
        resp.set_headers(list(self._access.reply_headers(req.method, req.get_header)))


def answer_options(resp: Response, target: Target) -> None:
    """Answer OPTIONS with the methods that a path takes."""
    resp.status = falcon.HTTP_204
    resp.set_header("Allow", target.allow)


def server_is_safe(environ: Mapping[str, Any]) -> bool:
    """Tell whether a WSGI server keeps all queues together and serves requests side by side.

    Several worker processes would hold different queues under the same names. A server that takes
    one request at a time would let a consumer that waits block the producer that it waits for.
    """
    return bool(environ.get("wsgi.multithread")) and not environ.get("wsgi.multiprocess")


def answer_errors(app: falcon.App[Request, Response], refusals: Refusals) -> None:
    """Have an application answer each error with its document, and count it."""

    def answer(_req: Request, resp: Response, error: Exception, _params: object) -> None:
        send(resp, refusals.refuse(error))

    def answer_for_falcon(
        req: Request, resp: Response, error: falcon.HTTPError, params: object
    ) -> None:
        text = error.description or "this is not an HTTP request that the server understands"
        answer(req, resp, MalformedRequest(text), params)

    # The branches of the tree that clients are told about; anything else is a fault.
    for branch in (BadRequest, Refused, Overloaded, ServerFault):
        app.add_error_handler(branch, answer)
    app.add_error_handler(falcon.HTTPError, answer_for_falcon)
    app.add_error_handler(Exception, answer)
