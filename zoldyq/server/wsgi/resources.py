"""What the application does for each request of :data:`zoldyq.contract.routes.ROUTES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from falcon import Request, Response

from zoldyq.contract.errors import NotFound
from zoldyq.contract.routes import Right
from zoldyq.metrics.prometheus import Metrics
from zoldyq.server.api.clients import Client, peer_of
from zoldyq.server.api.operations import Operations
from zoldyq.server.api.tokens import Token
from zoldyq.server.wsgi.exchange import CALLER_KEY, HANDOVER_KEY, Handover, read_body, send
from zoldyq.server.wsgi.waiting import RequestBell, ThreadWaits
from zoldyq.wire import NO_STORE, Reply

#: Answers a request; the text is the name in its path.
Responder = Callable[[Request, Response, str], None]


class Resources:
    """The responders by the names of their operations.

    ``streams`` tells who has a WebSocket session open on a queue. ``document`` is the OpenAPI
    document, ``settings`` are those that hold, ``pages`` the dashboard's files by their names.
    """

    def __init__(
        self,
        operations: Operations,
        waits: ThreadWaits,
        metrics: Metrics,
        *,
        streams: Callable[[str], list[Client]],
        document: Reply,
        settings: Reply,
        pages: Mapping[str, Reply],
    ) -> None:
        self._operations = operations
        self._waits = waits
        self._figures = metrics
        self._streams = streams
        self._pages = pages
        self.responders: Mapping[str, Responder] = {
            "enqueue": self._enqueue,
            "dequeue": self._dequeue,
            "dequeue_by_get": self._dequeue,
            "peek": self._peek,
            "list_queues": self._list_queues,
            "show_queue": lambda _, resp, name: send(resp, operations.show_queue(name)),
            "show_history": lambda _, resp, name: send(resp, operations.show_history(name)),
            "list_clients": self._list_clients,
            "create_queue": self._create_queue,
            "update_queue": self._update_queue,
            "delete_queue": lambda _, resp, name: send(resp, operations.delete_queue(name)),
            "purge_queue": lambda _, resp, name: send(resp, operations.purge_queue(name)),
            "move_messages": self._move,
            "live": lambda _, resp, __: send(resp, operations.live()),
            "health": self._health,
            "ready": lambda _, resp, __: send(resp, operations.ready()),
            "metrics": self._metrics,
            "settings": lambda _, resp, __: send(resp, settings),
            "openapi": lambda _, resp, __: send(resp, document),
            "docs": lambda _, resp, __: self._page(resp, "docs.html"),
            "dashboard": lambda _, resp, __: self._page(resp, "index.html"),
            "dashboard_file": lambda _, resp, name: self._page(resp, name),
        }

    def _enqueue(self, req: Request, resp: Response, name: str) -> None:
        """Append messages, and wait for room if the request says so."""
        call = self._operations.enqueue_call(name, req.query_string, req.content_type)
        body = read_body(req, self._operations.limits)
        bell = RequestBell(peer_of(req.env))
        handover: Handover = req.env[HANDOVER_KEY]
        handover.outcome = self._operations.enqueue(call, body, bell.ring)
        send(resp, self._waits.settle(handover, bell, req.env))

    def _dequeue(self, req: Request, resp: Response, name: str) -> None:
        """Take messages, and wait for them if the request says so."""
        call = self._operations.dequeue_call(name, req.query_string, req.get_header("Accept"))
        bell = RequestBell(peer_of(req.env))
        handover: Handover = req.env[HANDOVER_KEY]
        handover.outcome = self._operations.dequeue(call, bell.ring)
        send(resp, self._waits.settle(handover, bell, req.env))

    def _peek(self, req: Request, resp: Response, name: str) -> None:
        """Show the oldest messages and take nothing."""
        send(resp, self._operations.peek(name, req.query_string, req.get_header("Accept")))

    def _list_queues(self, req: Request, resp: Response, _name: str) -> None:
        """Send the statistics of the queues that the caller may see."""
        caller: Token = req.env[CALLER_KEY]
        send(resp, self._operations.list_queues(partial(caller.may, Right.OBSERVE)))

    def _list_clients(self, req: Request, resp: Response, name: str) -> None:
        """Send who waits for a queue; their addresses to those who may manage it."""
        caller: Token = req.env[CALLER_KEY]
        addresses = caller.may(Right.MANAGE, name)
        send(resp, self._operations.list_clients(name, self._streams(name), addresses=addresses))

    def _health(self, req: Request, resp: Response, _name: str) -> None:
        """Send how the server is, with the queues that the caller may see."""
        caller: Token = req.env[CALLER_KEY]
        sees = partial(caller.may, Right.OBSERVE) if Right.OBSERVE in caller.rights else None
        send(resp, self._operations.health(sees))

    def _move(self, req: Request, resp: Response, name: str) -> None:
        """Move messages to another queue, if the caller may enqueue there."""
        caller: Token = req.env[CALLER_KEY]
        send(resp, self._operations.move_messages(name, req.query_string, caller))

    def _create_queue(self, req: Request, resp: Response, name: str) -> None:
        """Create a queue with a policy of its own."""
        body = read_body(req, self._operations.limits)
        send(resp, self._operations.create_queue(name, body))

    def _update_queue(self, req: Request, resp: Response, name: str) -> None:
        """Change the policy of a queue."""
        body = read_body(req, self._operations.limits)
        send(resp, self._operations.update_queue(name, body))

    def _metrics(self, req: Request, resp: Response, _name: str) -> None:
        """Send the metrics in Prometheus's text format, or in OpenMetrics if that is preferred."""
        text, content_type = self._figures.render(req.get_header("Accept"))
        send(resp, Reply(200, text, content_type, NO_STORE))

    def _page(self, resp: Response, name: str) -> None:
        """Send a file of the dashboard."""
        page = self._pages.get(name)
        if page is None:
            raise NotFound("the dashboard has no such file")
        send(resp, page)
