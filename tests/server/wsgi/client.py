"""Calls of a WSGI application without a server, for environments that no server at hand makes."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from wsgiref.util import setup_testing_defaults

from zoldyq.server.wsgi.app import ZoldyQApp


@dataclass
class Answer:
    """What an application answered. ``body`` is still to be taken, and to be closed."""

    status: int
    headers: dict[str, str]
    body: Iterable[bytes]

    def read(self) -> bytes:
        """Take the whole body as a server does."""
        try:
            return b"".join(self.body)
        finally:
            self.close()

    def document(self) -> Any:
        """Take the whole body and decode it."""
        return json.loads(self.read())

    def close(self) -> None:
        """Close the body, as a server does in any case."""
        close = getattr(self.body, "close", None)
        if close is not None:
            close()


def call(app: ZoldyQApp, method: str, target: str, body: bytes = b"", **environ: object) -> Answer:
    """Send one request as a threaded server of one process would; ``environ`` overrides."""
    path, _, query = target.partition("?")
    env: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
    }
    env.update(environ)
    setup_testing_defaults(env)
    answers: list[tuple[int, dict[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        answers.append((int(status[:3]), {name.lower(): value for name, value in headers}))

    taken = app(env, start_response)
    (answer,) = answers
    return Answer(*answer, taken)


def code_of(answer: Answer) -> tuple[int, str]:
    """Return status and error code of a refusal."""
    return answer.status, answer.document()["error"]
