"""The imports between ZoldyQ's rooms run one way.

contract <- queue <- wire <- server/api <- {wsgi, websocket, native} <- server/run <- cli; engine,
config, metrics and client stand beside them. What a module may import is written in the table
below; the tests read the source, so that an import inside a function, or for the type checker
alone, counts as well.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "zoldyq"

CONTRACT, QUEUE, WIRE = "zoldyq.contract", "zoldyq.queue", "zoldyq.wire"
API, SOCKETS = "zoldyq.server.api", "zoldyq.server.sockets"
TLS = "zoldyq.server.tls"
HOUSEKEEPING, POLICIES = "zoldyq.server.housekeeping", "zoldyq.server.policies"
BACKEND, ENGINE = "zoldyq.server.backend", "zoldyq.engine"
PACING, TOML_FILE = "zoldyq.pacing", "zoldyq.toml_file"
NATIVE, WSGI, WEBSOCKET = "zoldyq.server.native", "zoldyq.server.wsgi", "zoldyq.server.websocket"


class Room(NamedTuple):
    """What the modules of a room may import beside each other and the standard library.

    ``foreign`` is None where pyproject.toml decides.
    """

    rooms: set[str]
    foreign: set[str] | None = None


# The room of a module is the longest name here that it lies in. Any may read the version.
ROOMS: dict[str, Room] = {
    "zoldyq": Room({"zoldyq.client", CONTRACT}, set()),
    "zoldyq.__main__": Room({"zoldyq.cli"}, set()),
    "zoldyq.errors": Room({CONTRACT}, set()),
    CONTRACT: Room(set(), set()),
    QUEUE: Room({CONTRACT}, {"msgspec"}),
    WIRE: Room({CONTRACT, QUEUE}, {"msgspec", "orjson"}),
    TOML_FILE: Room({CONTRACT}, set()),
    "zoldyq.config": Room({CONTRACT, TOML_FILE}, set()),
    "zoldyq.metrics": Room({CONTRACT, QUEUE, PACING}, {"prometheus_client"}),
    ENGINE: Room({CONTRACT, QUEUE}, {"hiredis", "msgspec"}),
    "zoldyq.client": Room({CONTRACT}, {"msgspec", "urllib3", "wsproto"}),
    "zoldyq.client.aio": Room({"zoldyq.client", CONTRACT}, {"aiohttp", "msgspec", "yarl"}),
    API: Room({CONTRACT, QUEUE, WIRE, PACING, TOML_FILE, "zoldyq.metrics"}, {"msgspec"}),
    SOCKETS: Room(set(), set()),
    TLS: Room({CONTRACT}, set()),
    PACING: Room(set(), set()),
    "zoldyq.server.heap": Room(set(), set()),
    "zoldyq.server.log": Room(set(), set()),
    "zoldyq.server.machine": Room(set(), set()),
    "zoldyq.server.notices": Room({"zoldyq.server.machine"}, set()),
    POLICIES: Room({CONTRACT}, set()),
    HOUSEKEEPING: Room({CONTRACT, QUEUE, POLICIES, "zoldyq.metrics"}, set()),
    # The engine needs an event loop, which knows nothing of HTTP.
    BACKEND: Room({CONTRACT, ENGINE, POLICIES, f"{NATIVE}.loop"}, set()),
    "zoldyq.server.signals": Room(set(), set()),
    f"{NATIVE}.loop": Room({SOCKETS}, set()),
    f"{NATIVE}.http": Room({CONTRACT, WIRE, API}, {"msgspec"}),
    NATIVE: Room(
        {CONTRACT, QUEUE, WIRE, API, SOCKETS, TLS, f"{NATIVE}.loop", f"{NATIVE}.http"}, {"msgspec"}
    ),
    WEBSOCKET: Room({CONTRACT, QUEUE, WIRE, API, TLS, PACING}, {"msgspec", "simple_websocket"}),
    WSGI: Room(
        {CONTRACT, QUEUE, WIRE, API, WEBSOCKET, SOCKETS, HOUSEKEEPING, BACKEND, "zoldyq.metrics"},
        {"falcon", "msgspec", "prometheus_client", "waitress"},
    ),
    "zoldyq.server": Room({WSGI}, set()),
    "zoldyq.server.run": Room(
        {
            *(CONTRACT, QUEUE, API, NATIVE, WSGI, "zoldyq.server.heap", "zoldyq.server.log"),
            *("zoldyq.server.machine", "zoldyq.server.notices", "zoldyq.server.signals"),
            *(HOUSEKEEPING, POLICIES, BACKEND, TLS),
        },
        set(),
    ),
    "zoldyq.cli": Room({CONTRACT, QUEUE, WIRE, "zoldyq.config", "zoldyq.client", "zoldyq.server"}),
}

# The modules of the server that read the settings and hand out plain values.
READS_SETTINGS = {
    *("zoldyq.server.run", "zoldyq.server.notices", HOUSEKEEPING, POLICIES, BACKEND),
    f"{WSGI}.app",
    f"{WSGI}.settings",
}

# Known to type checkers alone.
TYPES_ONLY = "_typeshed"

# The standard library's ways to the outside, and the rooms that know nothing of them.
INSIDE = {CONTRACT, QUEUE}
OUTSIDE = {"asyncio", "http", "logging", "selectors", "socket", "ssl", "urllib", "wsgiref"}


def within(module: str, package: str) -> bool:
    """Whether the module is the package or lies in it."""
    return module == package or module.startswith(package + ".")


def room_of(module: str) -> str:
    """The name of the room in which a module lies."""
    return max((room for room in ROOMS if within(module, room)), key=len)


def imports_of(source: str, known: set[str]) -> set[str]:
    """The modules that a source imports; of ``from a import b``, ``a.b`` where that is a module."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used"
            base = node.module or ""
            for alias in node.names:
                full = f"{base}.{alias.name}"
                found.add(full if full in known else base)
    return found


def wrong_arrows(module: str, imported: set[str]) -> list[str]:
    """What a module imports and may not, one line each."""
    wrong = [name for name in sorted(imported) if not allowed(module, name)]
    return [f"{module} imports {name}" for name in wrong]


def allowed(module: str, imported: str) -> bool:
    """Whether one import is allowed."""
    if within(imported, "zoldyq"):
        return allowed_within(module, imported)
    top = imported.split(".", maxsplit=1)[0]
    if top in sys.stdlib_module_names or top == TYPES_ONLY:
        return not (top in OUTSIDE and any(within(module, room) for room in INSIDE))
    foreign = ROOMS[room_of(module)].foreign
    return foreign is None or top in foreign


def allowed_within(module: str, imported: str) -> bool:
    """Whether one module of ZoldyQ may import another."""
    if module in READS_SETTINGS and within(imported, "zoldyq.config"):
        return True
    own, other = room_of(module), room_of(imported)
    if other == own:
        return True
    if other == "zoldyq":
        return imported == "zoldyq"  # the version
    return any(within(other, room) for room in ROOMS[own].rooms)


def module_files() -> dict[str, Path]:
    """Every module of ZoldyQ and its file."""
    files = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        names = path.relative_to(PACKAGE.parent).with_suffix("").parts
        files[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return files


FILES = module_files()


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_only_what_lies_below_it(module: str) -> None:
    source = FILES[module].read_text(encoding="utf-8")
    assert wrong_arrows(module, imports_of(source, set(FILES))) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("zoldyq.contract.errors", "import zoldyq.queue"),
        ("zoldyq.queue.manager", "from zoldyq import wire"),
        ("zoldyq.queue.manager", "from zoldyq.config import Settings"),
        ("zoldyq.queue.manager", "import falcon"),
        ("zoldyq.queue.manager", "from http.client import HTTPConnection"),
        ("zoldyq.queue.message", "def late():\n    import prometheus_client"),
        ("zoldyq.wire", "from zoldyq.server.api import operations"),
        ("zoldyq.wire", "import falcon"),
        ("zoldyq.config.settings", "from zoldyq.queue import QueueManager"),
        ("zoldyq.config.settings", "import click"),
        ("zoldyq.metrics.prometheus", "from zoldyq.wire import Reply"),
        ("zoldyq.server.api.operations", "from zoldyq.config import Settings"),
        ("zoldyq.server.wsgi.resources", "from zoldyq.server.native import server"),
        ("zoldyq.server.wsgi.app", "import zoldyq.server.native.loop.reactor"),
        ("zoldyq.server.native.server", "from zoldyq.server import app"),
        ("zoldyq.server.native.server", "from zoldyq.server import create_app"),
        ("zoldyq.server.native.server", "from zoldyq.server.websocket import frames"),
        ("zoldyq.server.native.connection", "from zoldyq.server.wsgi.exchange import Handover"),
        ("zoldyq.server.native.connection", "import falcon"),
        ("zoldyq.server.native.loop.reactor", "from zoldyq.server.native.http import states"),
        ("zoldyq.server.native.loop.reactor", "from zoldyq.wire import Reply"),
        ("zoldyq.server.native.http.states", "from zoldyq.server.native.loop import poller"),
        ("zoldyq.server.websocket.sessions", "from zoldyq.server.native.pool import WorkerPool"),
        ("zoldyq.server.run", "from zoldyq.cli.main import main"),
        ("zoldyq.client.queue", "from zoldyq.wire import encode_document"),
        ("zoldyq.client.queue", "from zoldyq.queue import Message"),
        ("zoldyq.client.websocket", "import simple_websocket"),
        (
            "zoldyq.server.wsgi.resources",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from zoldyq import config",
        ),
    ],
)
def test_a_wrong_arrow_is_caught(module: str, source: str) -> None:
    known = set(FILES)
    assert len(wrong_arrows(module, imports_of(source, known))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("zoldyq.queue.manager", "import threading\nfrom zoldyq.contract.errors import QueueFull"),
        ("zoldyq.queue.message", "import msgspec"),
        ("zoldyq.server.wsgi.resources", "from zoldyq import __version__"),
        ("zoldyq.server.wsgi.app", "from zoldyq.config import Settings\nimport falcon"),
        ("zoldyq.server.run", "from zoldyq.server.native import server\nimport signal"),
        ("zoldyq.server.native.server", "from zoldyq.server.api import operations\nimport socket"),
        ("zoldyq.cli.main", "import click\nfrom zoldyq.config import Settings"),
        ("zoldyq.cli.tail", "from zoldyq.client import Client"),
        ("zoldyq.client.transport", "import urllib3\nfrom zoldyq.contract.errors import QueueFull"),
    ],
)
def test_a_right_arrow_is_let_through(module: str, source: str) -> None:
    known = set(FILES)
    assert wrong_arrows(module, imports_of(source, known)) == []


def test_importing_the_queues_loads_nothing_of_the_server() -> None:
    unwanted = "{'click', 'falcon', 'http', 'prometheus_client', 'socket', 'zoldyq.wire'}"
    # What measures coverage or debugs may have loaded some of them before.
    command = (
        "import sys; before = set(sys.modules); import zoldyq.queue; "
        f"print(sorted({unwanted} & (set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.strip() == "[]"
