"""The queues as Falcon resources, one for each path."""

from __future__ import annotations

from falcon import Request, Response

from zoldyq.queue import Bell
from zoldyq.server.api.operations import Operations
from zoldyq.server.wsgi.body import read_body
from zoldyq.server.wsgi.delivery import DeliveryBody
from zoldyq.server.wsgi.falcon_reply import send, send_head
from zoldyq.server.wsgi.waiting import ThreadWaits


class EnqueueResource:
    """``/queues/{name}/enqueue``"""

    def __init__(self, operations: Operations, waits: ThreadWaits) -> None:
        self._operations = operations
        self._waits = waits

    def on_post(self, req: Request, resp: Response, name: str) -> None:
        """Append messages, waiting for room if asked to."""
        call = self._operations.enqueue_call(name, req.query_string, req.content_type)
        body = read_body(req, self._operations.limits)
        bell = Bell()
        outcome = self._operations.enqueue(call, body, bell.ring)
        send(resp, self._waits.settle(outcome, bell, req.env))


class DequeueResource:
    """``/queues/{name}/dequeue``. It has no HEAD, which must never consume anything."""

    def __init__(self, operations: Operations, waits: ThreadWaits) -> None:
        self._operations = operations
        self._waits = waits

    def on_get(self, req: Request, resp: Response, name: str) -> None:
        """Take messages, waiting for them if asked to."""
        call = self._operations.dequeue_call(name, req.query_string, req.get_header("Accept"))
        bell = Bell()
        outcome = self._operations.dequeue(call, bell.ring)
        reply = self._waits.settle(outcome, bell, req.env)
        send_head(resp, reply)
        if reply.delivered:
            body = DeliveryBody(reply, self._operations.put_back)
            resp.set_stream(body, len(reply.body))


class QueuesResource:
    """``/queues``"""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def on_get(self, req: Request, resp: Response) -> None:
        """Tell the statistics of all queues."""
        send(resp, self._operations.list_queues())

    on_head = on_get


class QueueResource:
    """``/queues/{name}``"""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def on_get(self, req: Request, resp: Response, name: str) -> None:
        """Tell the statistics of one queue."""
        send(resp, self._operations.show_queue(name))

    on_head = on_get

    def on_put(self, req: Request, resp: Response, name: str) -> None:
        """Create a queue with a capacity of its own."""
        body = read_body(req, self._operations.limits)
        send(resp, self._operations.create_queue(name, body))

    def on_delete(self, req: Request, resp: Response, name: str) -> None:
        """Delete a queue with what is in it."""
        send(resp, self._operations.delete_queue(name))


class PeekResource:
    """``/queues/{name}/peek``"""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def on_get(self, req: Request, resp: Response, name: str) -> None:
        """Show the oldest messages and take nothing."""
        send(resp, self._operations.peek(name, req.query_string, req.get_header("Accept")))

    on_head = on_get


class PurgeResource:
    """``/queues/{name}/purge``"""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def on_post(self, req: Request, resp: Response, name: str) -> None:
        """Drop the messages of a queue."""
        send(resp, self._operations.purge_queue(name))
