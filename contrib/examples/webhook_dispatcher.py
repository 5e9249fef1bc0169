#!/usr/bin/env python3
"""Call the webhooks of a queue, and no more than so many a second.

    python contrib/examples/webhook_dispatcher.py --rate 10
    curl http://localhost:9000/queues/webhooks/enqueue \
      -d '{"payload": {"url": "http://localhost:8080/hook", "body": {"event": "paid", "id": 7}}}'

The queue takes the bursts; the receivers see an even flow. One that answers 429, 502, 503 or 504,
or not at all, is asked three times more with growing pauses, or after the time that it names. What
still fails is kept in the queue webhooks.failed. Ctrl-C or SIGTERM ends the dispatcher after the
calls that it is about.

The server is the one of ZOLDYQ_URL, with the token of ZOLDYQ_TOKEN.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import urllib3

from zoldyq import Client
from zoldyq.client import RemoteQueue, ServerUnreachable

#: How long one request waits for a webhook, and so how long the end of the dispatcher may take.
POLL_SECONDS = 2
_RETRIES = urllib3.Retry(
    total=3,
    backoff_factor=0.5,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=None,  # all: the receiver of a webhook has to bear one that comes twice
    redirect=0,
    raise_on_status=False,
    raise_on_redirect=False,
)


class RateLimit:
    """Lets threads pass one by one, at most ``rate`` a second."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._lock = threading.Lock()  # guards _next
        self._next = time.monotonic()

    def wait(self) -> None:
        """Return when it is this thread's turn."""
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + self._interval
        time.sleep(max(turn - time.monotonic(), 0))


class Dispatcher:
    """Calls webhooks, from as many threads as like."""

    def __init__(self, webhooks: RemoteQueue, failed: RemoteQueue, rate: float) -> None:
        self._webhooks = webhooks
        self._failed = failed
        self._limit = RateLimit(rate)
        self._http = urllib3.PoolManager(maxsize=64, timeout=10, retries=_RETRIES)
        self.stopping = threading.Event()

    def run(self) -> None:
        """Call webhooks until told to stop."""
        while not self.stopping.is_set():
            try:
                self._handle_next()
            except ServerUnreachable as error:
                print(error, file=sys.stderr)
                self.stopping.wait(1)

    def _handle_next(self) -> None:
        message = self._webhooks.dequeue(timeout=POLL_SECONDS)
        if message is None:
            return
        self._limit.wait()
        reason = self._call(message.payload)
        if reason is not None:
            print(f"{reason}: {message.raw.decode()}", file=sys.stderr)
            self._failed.enqueue_raw(message.raw, timeout=30)

    def _call(self, payload: dict[str, Any]) -> str | None:
        """Call one webhook, and return why it failed, if it did."""
        try:
            reply = self._http.request("POST", payload["url"], json=payload["body"])
        except (KeyError, TypeError, AttributeError) as error:
            return f"not a webhook ({error!r})"
        except urllib3.exceptions.HTTPError as error:
            return str(error)
        if reply.status >= 300:
            return f"answered {reply.status}"
        print(f"{reply.status} {payload['url']}", flush=True)
        return None


def main() -> int:
    """Dispatch until told to stop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queue", default="webhooks", help="where the webhooks are")
    parser.add_argument("--rate", type=float, default=10, help="calls a second at the most")
    parser.add_argument("--threads", type=int, default=4, help="calls at the same time")
    options = parser.parse_args()
    url = os.environ.get("ZOLDYQ_URL", "http://localhost:9000")
    with Client(url, token=os.environ.get("ZOLDYQ_TOKEN")) as client:
        webhooks, failed = client.queue(options.queue), client.queue(f"{options.queue}.failed")
        dispatcher = Dispatcher(webhooks, failed, options.rate)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: dispatcher.stopping.set())
        with ThreadPoolExecutor(options.threads) as pool:
            threads = [pool.submit(dispatcher.run) for _ in range(options.threads)]
            for thread in threads:
                thread.result()
    return 0


if __name__ == "__main__":
    sys.exit(main())
