"""The dashboard of a server that keeps its queues in Redis."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from selenium.webdriver import Chrome

from tests.contract.raw import Api
from tests.engine.servers import RedisServer, needs_redis
from tests.helpers import wait_until
from tests.ui.conftest import Start
from tests.ui.dashboard import Dashboard

pytestmark = needs_redis


def test_it_tells_where_the_queues_are_and_that_redis_does_not_answer(
    tmp_path: Path, browser: Chrome, start_server: Start
) -> None:
    redis = RedisServer(tmp_path / "redis")
    try:
        server = start_server(backend=redis.url, redis_timeout=0.3, redis_grace=0.3)
        api = Api(server.address)
        api.enqueue("emails", 1, 2)
        with Dashboard(browser, server.url) as dashboard:
            dashboard.wait_for_row("emails", size="2")
            where = f", queues in Redis at 127\\.0\\.0\\.1:{redis.port}"
            lag = r" \([\d.]+ (µs|ms|s) a call\)"

            def tells_the_lag() -> bool:
                api.post("/queues/emails/dequeue")
                return re.search(where + lag, dashboard.text("#about")) is not None

            wait_until(tells_the_lag)
            redis.process.send_signal(signal.SIGSTOP)
            dashboard.wait_for_banner("untold", "The backend does not answer")
            redis.process.send_signal(signal.SIGCONT)
            wait_until(lambda: not dashboard.banner("untold"))
            # What was refused in between is told for a minute.
            assert dashboard.text("#state") in ("healthy", "needs attention")
    finally:
        redis.stop()
