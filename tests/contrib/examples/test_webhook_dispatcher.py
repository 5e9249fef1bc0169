"""The dispatcher that calls webhooks at a limited rate."""

from __future__ import annotations

from tests.contrib.examples.conftest import Run
from tests.contrib.examples.receiver import receiver
from tests.helpers import wait_until
from zoldyq.client import Client

BURST = 20
RATE = 20


def test_a_burst_is_spread_over_time(own_client: Client, run_example: Run) -> None:
    with receiver() as hooks:
        own_client.queue("webhooks").enqueue_many(
            {"url": hooks.url("/200"), "body": {"id": number}} for number in range(BURST)
        )
        dispatcher = run_example("webhook_dispatcher.py", "--rate", RATE)
        wait_until(lambda: len(hooks.calls) == BURST)
        assert dispatcher.stop() == 0
    assert sorted(body["id"] for _, body, _ in hooks.calls) == list(range(BURST))
    times = [at for _, _, at in hooks.calls]
    # The first may be late, as its connection has to come about.
    assert times[-1] - times[0] > (BURST - 2) / RATE
    assert "webhooks.failed" not in own_client.queues()


def test_what_fails_for_a_moment_is_tried_again(own_client: Client, run_example: Run) -> None:
    with receiver() as hooks:
        own_client.queue("webhooks").enqueue({"url": hooks.url("/503-once"), "body": 1})
        dispatcher = run_example("webhook_dispatcher.py")
        wait_until(lambda: hooks.calls_of("/503-once") == 2)
        assert dispatcher.stop() == 0
    assert "webhooks.failed" not in own_client.queues()


def test_what_fails_for_good_is_kept(own_client: Client, run_example: Run) -> None:
    with receiver() as hooks:
        refused = {"url": hooks.url("/404"), "body": 1}
        moved = {"url": hooks.url("/302"), "body": 2}
        nowhere = {"url": "file:///etc/passwd", "body": 3}
        payloads = [refused, moved, nowhere, {"url": 5, "body": 4}, {"body": 5}, None]
        own_client.queue("webhooks").enqueue_many(payloads)
        dispatcher = run_example("webhook_dispatcher.py", "--rate", 1000, "--threads", 1)
        failed = own_client.queue("webhooks.failed")
        wait_until(
            lambda: (
                "webhooks.failed" in own_client.queues() and failed.stats().size == len(payloads)
            )
        )
        assert dispatcher.stop() == 0
        assert [path for path, _, _ in hooks.calls] == ["/404", "/302"]
    assert [message.payload for message in failed.dequeue_many(10)] == payloads
