"""Each module of the source has tests of its own, in the module that mirrors it.

``zoldyq/queue/line.py`` is tested by ``tests/queue/test_line.py``. Where another module tests it,
the table says which one: that of its only user, or one that reaches it as people do.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path.relative_to(ROOT / "zoldyq").with_suffix("").as_posix()
    for path in (ROOT / "zoldyq").rglob("*.py")
    if path.name != "__init__.py"
)

#: Modules without tests of their own, and where they are tested.
ELSEWHERE = {
    "cli/columns": "cli/test_statistics",
    "cli/dump": "cli/test_restore",
    "cli/load": "cli/test_bench",
    "cli/main": "cli/test_help",
    "cli/options": "cli/test_enqueue",
    "cli/profiles": "cli/test_profile",
    "cli/progress": "cli/test_output",
    "cli/runs": "cli/test_bench",
    "cli/screen": "cli/test_top",
    "cli/sending": "cli/test_enqueue",
    "cli/serve": "cli/test_serve_options",
    "cli/signals": "cli/test_streams",
    "cli/stdout": "cli/test_streams",
    "cli/target": "cli/test_connection",
    "cli/template": "cli/test_enqueue",
    "cli/terminal": "cli/test_top",
    "client/aio/connector": "client/aio/test_returns",
    "client/aio/consumer": "client/test_consumer",
    "client/aio/producer": "client/test_producer",
    "client/aio/queue": "client/test_queue",
    "client/aio/signal": "client/aio/test_stream",
    "client/aio/transport": "client/test_transport",
    "client/aio/websocket": "client/test_consumer",
    "client/buffer": "client/test_producer",
    "client/delivery": "client/test_producer",
    "client/exchange": "client/test_transport",
    "client/options": "client/test_producer",
    "client/outage": "client/test_producer",
    "client/own_work": "client/test_logging",
    "client/requests": "client/test_queue",
    "client/sender": "client/test_producer",
    "client/stream": "client/test_consumer",
    "config/file": "config/test_settings",
    "config/kinds": "config/test_settings",
    "config/names": "config/test_settings",
    "config/setting": "config/test_settings",
    "config/sources": "config/test_settings",
    "config/table": "config/test_settings",
    "contract/defaults": "config/test_settings",
    "contract/routes": "server/api/test_router",
    "engine/asking": "engine/test_front_ends",
    "engine/call": "engine/test_engine",
    "engine/channel": "engine/test_engine",
    "engine/commands": "engine/test_engine",
    "engine/figures": "engine/test_engine",
    "engine/health": "engine/test_front_ends",
    "engine/host": "engine/test_channel",
    "engine/index": "engine/test_engine",
    "engine/keys": "engine/test_engine",
    "engine/lines": "engine/test_channel",
    "engine/links": "engine/test_sentinels",
    "engine/loop": "engine/test_engine",
    "engine/places": "engine/test_engine",
    "engine/queues": "engine/test_engine",
    "engine/servers": "engine/test_front_ends",
    "engine/settings": "engine/test_engine",
    "engine/sweeper": "engine/test_engine",
    "engine/topology": "engine/test_cluster",
    "engine/wishes": "engine/test_channel",
    "metrics/engine": "engine/test_front_ends",
    "server/api/remote": "engine/test_front_ends",
    "server/backend": "engine/test_front_ends",
    "errors": "client/test_errors",
    "queue/blocking": "queue/test_waiting_consumers",
    "queue/idle": "queue/test_policies",
    "queue/lifetimes": "queue/test_policies",
    "queue/order": "queue/test_put_back",
    "queue/protocol": "queue/test_manager",
    "queue/room": "queue/test_policies",
    "queue/quick": "queue/test_message_queue",
    "queue/store": "queue/test_message_queue",
    "queue/waiting": "queue/test_waiting_producers",
    "server/api/waits": "server/api/test_operations",
    "server/app": "test_imports",
    "server/native/http/body": "contract/test_http",
    "server/native/http/head": "server/native/http/test_head_reader",
    "server/native/http/route": "server/native/http/test_head_reader",
    "server/native/http/routing": "server/native/http/test_engine",
    "server/native/loop/poller": "server/native/loop/test_reactor",
    "server/native/server": "server/test_run",
    "server/websocket/connection": "server/websocket/test_sessions",
    "server/websocket/handshake": "server/websocket/test_sessions",
    "server/wsgi/settings": "contract/test_people",
    "server/wsgi/middleware": "contract/test_access",
    "server/wsgi/pages": "server/wsgi/test_app",
    "server/wsgi/resources": "server/wsgi/test_app",
    "server/wsgi/waitress_server": "server/wsgi/test_app",
}


def own_tests(module: str) -> Path:
    """Where the tests of a module belong."""
    folder, _, name = module.rpartition("/")
    return ROOT / "tests" / folder / f"test_{name.strip('_')}.py"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_tests_or_names_those_that_test_it(module: str) -> None:
    if not own_tests(module).exists():
        assert module in ELSEWHERE, f"write {own_tests(module).relative_to(ROOT)}"
        assert (ROOT / "tests" / f"{ELSEWHERE[module]}.py").exists()
