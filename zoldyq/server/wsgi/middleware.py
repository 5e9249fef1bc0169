"""What happens to every request of the Falcon application: who may send it, and how it is refused.

Every refusal is an error document of :mod:`zoldyq.wire`, also where Falcon is the one to refuse.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import falcon
from falcon import Request, Response

from zoldyq import wire
from zoldyq.contract.errors import (
    BadRequest,
    InternalError,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    Refused,
    ServerFault,
    UnsafeServer,
    ZoldyQError,
)
from zoldyq.server.api.access import AccessPolicy
from zoldyq.server.wsgi.falcon_reply import send

_log = logging.getLogger(__name__)


class AccessMiddleware:
    """Keeps out who may not come in, and tells browsers what their pages may read."""

    def __init__(self, access: AccessPolicy) -> None:
        self._access = access

    def process_request(self, req: Request, resp: Response) -> None:
        """Refuse what must not reach a resource.

        Raises:
            UnsafeServer: see :func:`server_is_safe`.
            Unauthorized, ForbiddenOrigin: as :meth:`AccessPolicy.admit`.
        """
        if not server_is_safe(req.env):
            raise UnsafeServer(
                "the queues live in one process and need several threads: run the server with "
                "--workers 1 --threads N and without --max-requests"
            )
        self._access.admit(req.path, req.get_header, preflight=_is_preflight(req))

    def process_resource(
        self, req: Request, resp: Response, resource: object, params: Mapping[str, Any]
    ) -> None:
        """Answer OPTIONS, and refuse methods that the path does not take.

        Falcon would answer a method that it has never heard of with 400.
        """
        methods = _methods_of(resource)
        if req.method == "OPTIONS":
            resp.status = 204
            resp.set_header("Allow", ", ".join(methods))
            resp.complete = True
        elif req.method not in methods:
            raise falcon.HTTPMethodNotAllowed(methods)

    def process_response(
        self, req: Request, resp: Response, resource: object, req_succeeded: bool
    ) -> None:
        """Let the page of an allowed origin read the reply, errors included."""
        origin = req.get_header("Origin")
        headers = self._access.cors_headers(origin, preflight=_is_preflight(req))
        resp.set_headers(list(headers))


def server_is_safe(environ: Mapping[str, Any]) -> bool:
    """Tell whether a WSGI server keeps all queues together and serves requests side by side.

    Several worker processes would hold different queues under the same names, and one request
    at a time would let whoever waits for a message block whoever sends it.
    """
    return bool(environ.get("wsgi.multithread")) and not environ.get("wsgi.multiprocess")


def answer_errors(app: falcon.App[Request, Response]) -> None:
    """Have an application answer each error with its document."""
    # The branches of the tree that clients are told about; anything else is a fault.
    for branch in (BadRequest, Refused, Overloaded, ServerFault):
        app.add_error_handler(branch, _answer)
    app.add_error_handler(falcon.HTTPError, _answer_for_falcon)
    app.add_error_handler(Exception, _answer_fault)


def _answer(_req: Request, resp: Response, error: ZoldyQError, _params: object) -> None:
    send(resp, wire.error_reply(error))


def _answer_for_falcon(
    _req: Request, resp: Response, error: falcon.HTTPError, _params: object
) -> None:
    if isinstance(error, falcon.HTTPMethodNotAllowed):
        allow = dict(error.headers or {}).get("Allow", "")
        refusal = MethodNotAllowed(f"this path takes {allow}")
        send(resp, wire.error_reply(refusal, (("Allow", allow),)))
    elif isinstance(error, falcon.HTTPNotFound):
        send(resp, wire.error_reply(NotFound("there is nothing here: see /openapi.json")))
    else:
        send(resp, wire.error_reply(MalformedRequest(error.description or "this is no request")))


def _answer_fault(req: Request, resp: Response, error: Exception, _params: object) -> None:
    """Log a fault, and tell the client no more than that there was one."""
    _log.error("%s %r failed", req.method, req.path, exc_info=error)
    send(resp, wire.error_reply(InternalError("the server made a mistake: its log tells which")))


def _is_preflight(req: Request) -> bool:
    requested = req.get_header("Access-Control-Request-Method")
    return req.method == "OPTIONS" and requested is not None


def _methods_of(resource: object) -> Sequence[str]:
    responders = [m for m in falcon.HTTP_METHODS if hasattr(resource, f"on_{m.lower()}")]
    return sorted([*responders, "OPTIONS"])
