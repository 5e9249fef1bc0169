"""The imports between ZoldyQ's modules run one way.

errors <- queue <- wire <- server <- cli; config and metrics stand beside them. What a module may
import is written in the tables below; the tests read the source, so that an import inside a
function, or for the type checker alone, counts as well.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "zoldyq"

# For each part of ZoldyQ the other parts that it may import. Any may read the version.
PARTS: dict[str, set[str]] = {
    "zoldyq": {"zoldyq.client", "zoldyq.errors"},
    "zoldyq.__main__": {"zoldyq.cli"},
    "zoldyq.errors": set(),
    "zoldyq.queue": {"zoldyq.errors"},
    "zoldyq.wire": {"zoldyq.errors", "zoldyq.queue"},
    "zoldyq.config": {"zoldyq.errors"},
    "zoldyq.metrics": {"zoldyq.errors", "zoldyq.queue"},
    "zoldyq.client": {"zoldyq.errors"},
    "zoldyq.server": {"zoldyq.errors", "zoldyq.queue", "zoldyq.wire", "zoldyq.metrics"},
    "zoldyq.cli": {
        "zoldyq.errors",
        "zoldyq.queue",
        "zoldyq.wire",
        "zoldyq.config",
        "zoldyq.client",
        "zoldyq.server",
    },
}

# The two modules of the server that read the settings and hand out plain values.
READS_SETTINGS = {"zoldyq.server.run", "zoldyq.server.app"}

NATIVE = "zoldyq.server.native"
FALCON_FACE = {
    "zoldyq.server.app",
    "zoldyq.server.http",
    "zoldyq.server.health",
    "zoldyq.server.middleware",
    "zoldyq.server.websocket",
}

# What the lower parts may use beside the standard library; for the others pyproject.toml decides.
FOREIGN: dict[str, set[str]] = {
    "zoldyq.errors": set(),
    "zoldyq.queue": {"msgspec"},
    "zoldyq.wire": {"msgspec", "orjson"},
    "zoldyq.config": set(),
    "zoldyq.metrics": {"prometheus_client"},
    "zoldyq.client": {"msgspec", "urllib3", "wsproto"},
    NATIVE: {"httptools", "msgspec", "simple_websocket", "wsproto"},
}

# Known to type checkers alone.
TYPES_ONLY = "_typeshed"

# The standard library's ways to the outside, which the queues know nothing of.
OUTSIDE = {"asyncio", "http", "logging", "selectors", "socket", "ssl", "urllib", "wsgiref"}


def within(module: str, package: str) -> bool:
    """Whether the module is the package or lies in it."""
    return module == package or module.startswith(package + ".")


def part_of(module: str) -> str:
    """The part of ZoldyQ to which a module belongs: its first two names."""
    return ".".join(module.split(".")[:2])


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
        return not (within(module, "zoldyq.queue") and top in OUTSIDE)
    return all(top in names for package, names in FOREIGN.items() if within(module, package))


def allowed_within(module: str, imported: str) -> bool:
    """Whether one module of ZoldyQ may import another."""
    if within(module, NATIVE) and (imported in FALCON_FACE or imported == "zoldyq.server"):
        return False
    if module in FALCON_FACE and within(imported, NATIVE):
        return False
    if module in READS_SETTINGS and within(imported, "zoldyq.config"):
        return True
    part, other = part_of(module), part_of(imported)
    return other in ("zoldyq", part) or other in PARTS[part]


def module_files() -> dict[str, Path]:
    """Every module of ZoldyQ and its file."""
    files = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        names = path.relative_to(PACKAGE.parent).with_suffix("").parts
        files[".".join(names[:-1] if names[-1] == "__init__" else names)] = path
    return files


FILES = module_files()
# Their helpers that know Falcon belong to the same face; run.py is where both faces meet.
FALCON_FACE |= {
    name
    for name, path in FILES.items()
    if within(name, "zoldyq.server")
    and not within(name, NATIVE)
    and name != "zoldyq.server.run"
    and "falcon" in imports_of(path.read_text(encoding="utf-8"), set(FILES))
}


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_only_what_lies_below_it(module: str) -> None:
    source = FILES[module].read_text(encoding="utf-8")
    assert wrong_arrows(module, imports_of(source, set(FILES))) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("zoldyq.errors", "import zoldyq.queue"),
        ("zoldyq.queue.manager", "from zoldyq import wire"),
        ("zoldyq.queue.manager", "from zoldyq.config import Settings"),
        ("zoldyq.queue.manager", "import falcon"),
        ("zoldyq.queue.manager", "from http.client import HTTPConnection"),
        ("zoldyq.queue.message", "def late():\n    import prometheus_client"),
        ("zoldyq.wire", "from zoldyq.server import operations"),
        ("zoldyq.wire", "import falcon"),
        ("zoldyq.config.settings", "from zoldyq.queue import QueueManager"),
        ("zoldyq.config.settings", "import click"),
        ("zoldyq.metrics.prometheus", "from zoldyq.wire import Reply"),
        ("zoldyq.server.operations", "from zoldyq.config import Settings"),
        ("zoldyq.server.http", "from zoldyq.server.native import http1"),
        ("zoldyq.server.app", "import zoldyq.server.native.reactor"),
        ("zoldyq.server.native.reactor", "from zoldyq.server import app"),
        ("zoldyq.server.native.reactor", "from zoldyq.server import create_app"),
        ("zoldyq.server.native.reactor", "from zoldyq.server.websocket import Session"),
        ("zoldyq.server.native.reactor", "from zoldyq.server.falcon_reply import send"),
        ("zoldyq.server.native.reactor", "import falcon"),
        ("zoldyq.server.run", "from zoldyq.cli.main import main"),
        ("zoldyq.client.queue", "from zoldyq.wire import encode_document"),
        ("zoldyq.client.queue", "from zoldyq.queue import Message"),
        ("zoldyq.client.websocket", "import simple_websocket"),
        (
            "zoldyq.server.http",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from zoldyq import config",
        ),
    ],
)
def test_a_wrong_arrow_is_caught(module: str, source: str) -> None:
    known = {*FILES, *FALCON_FACE, "zoldyq.server.operations", "zoldyq.config", "zoldyq.wire"}
    assert len(wrong_arrows(module, imports_of(source, known))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("zoldyq.queue.manager", "import threading\nfrom zoldyq.errors import QueueFull"),
        ("zoldyq.queue.message", "import msgspec"),
        ("zoldyq.server.health", "from zoldyq import __version__"),
        ("zoldyq.server.app", "from zoldyq.config import Settings\nimport falcon"),
        ("zoldyq.server.run", "from zoldyq.server.native import http1\nimport waitress"),
        ("zoldyq.server.native.reactor", "from zoldyq.server import operations\nimport socket"),
        ("zoldyq.cli.main", "import click\nfrom zoldyq.config import Settings"),
        ("zoldyq.cli.tail", "from zoldyq.client import Client"),
        ("zoldyq.client.transport", "import urllib3\nfrom zoldyq.errors import QueueFull"),
    ],
)
def test_a_right_arrow_is_let_through(module: str, source: str) -> None:
    known = {*FILES, "zoldyq.server.operations", "zoldyq.config"}
    assert wrong_arrows(module, imports_of(source, known)) == []


def test_importing_the_queues_loads_nothing_of_the_server() -> None:
    unwanted = "{'click', 'falcon', 'http', 'prometheus_client', 'socket', 'zoldyq.wire'}"
    command = f"import sys, zoldyq.queue; print(sorted({unwanted} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", command],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.strip() == "[]"
