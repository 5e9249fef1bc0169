"""What waitress refuses before the application sees it: in ZoldyQ's form, and counted."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from zoldyq.contract.errors import (
    HeadersTooLarge,
    MalformedRequest,
    UnsupportedEncoding,
    ZoldyQError,
)
from zoldyq.server.api.operations import Operations
from zoldyq.server.api.refusals import internal_error
from zoldyq.wire import Reply


def refusing_channel(operations: Operations, max_header_bytes: int) -> type[HTTPChannel]:
    """Return a class for waitress's connections that refuses requests as the application does."""

    def refuse(status: int, reason: str) -> Reply:
        error: ZoldyQError
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            error = operations.limits.body_too_large()
        elif status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            error = HeadersTooLarge(
                f"the request head is larger than {max_header_bytes} bytes: "
                "send fewer or shorter headers",
                max_header_bytes=max_header_bytes,
            )
        elif status == HTTPStatus.NOT_IMPLEMENTED:
            error = UnsupportedEncoding(f"this server does not read such a body: {reason}")
        elif status == HTTPStatus.INTERNAL_SERVER_ERROR:
            error = internal_error()
        else:
            error = MalformedRequest(f"this is not a request of HTTP/1.1: {reason}")
        return operations.refusals.refuse(error)

    class RefusalTask(ErrorTask):  # type: ignore[misc]
        """Writes a refusal, and ends the connection as waitress does."""

        def execute(self) -> None:
            error: Any = self.request.error
            reply = refuse(error.code, error.body)
            self.status = f"{reply.status} {HTTPStatus(reply.status).phrase}"
            self.response_headers += [("Content-Type", reply.content_type), *reply.headers]
            self.set_close_on_finish()
            self.content_length = len(reply.body)
            # The answer to HEAD has the length of its content, and no content (RFC 9110, 9.3.2).
            is_head = getattr(self.request, "command", "") == "HEAD"
            self.write(b"" if is_head else reply.body)

    class RefusingChannel(HTTPChannel):  # type: ignore[misc]
        """A connection of waitress."""

        error_task_class = RefusalTask

    return RefusingChannel
