"""Replies into Falcon's responses."""

from __future__ import annotations

from falcon import Response

from zoldyq.wire import Reply

_NO_CONTENT = 204


def send(resp: Response, reply: Reply) -> None:
    """Make a response out of a reply that carries no messages."""
    send_head(resp, reply)
    if reply.status != _NO_CONTENT:
        resp.data = reply.body


def send_head(resp: Response, reply: Reply) -> None:
    """Make the status and headers of a response out of a reply."""
    resp.status = reply.status
    resp.set_headers(list(reply.headers))
    if reply.status != _NO_CONTENT:
        resp.content_type = reply.content_type
