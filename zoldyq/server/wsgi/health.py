"""What monitors ask for: health, readiness and metrics."""

from __future__ import annotations

from falcon import Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from zoldyq.server.api.operations import Operations
from zoldyq.server.wsgi.falcon_reply import send
from zoldyq.wire import NO_STORE, Reply


class HealthResource:
    """``/health``"""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def on_get(self, req: Request, resp: Response) -> None:
        """Tell that the process lives, and how its queues are."""
        send(resp, self._operations.health())

    on_head = on_get


class ReadyResource:
    """``/ready``"""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def on_get(self, req: Request, resp: Response) -> None:
        """Tell whether new messages are welcome."""
        send(resp, self._operations.ready())

    on_head = on_get


class MetricsResource:
    """``/metrics``"""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def on_get(self, req: Request, resp: Response) -> None:
        """Tell the metrics: in Prometheus's text format, or in OpenMetrics if that is preferred."""
        encode, content_type = choose_encoder(req.get_header("Accept") or "")
        send(resp, Reply(200, encode(self._registry), content_type, NO_STORE))

    on_head = on_get
