"""The files of the dashboard, read once: they never change while the server runs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from zoldyq.wire import Reply

#: The kinds of files that the dashboard has. Nothing else is ever read from the package.
_TYPES: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    # No text ever becomes markup or script, whatever a payload or a queue's name holds.
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_UI_HEADERS = (
    # Browsers ask again at each visit, so that after an upgrade the files fit together.
    ("Cache-Control", "no-cache"),
    ("Content-Security-Policy", _CONTENT_SECURITY),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


def dashboard() -> dict[str, Reply]:
    """Read the dashboard's files and return them by their names."""
    return {
        file.name: Reply(200, file.read_bytes(), _TYPES[_kind(file.name)], _UI_HEADERS)
        for file in (files("zoldyq") / "ui").iterdir()
        if _kind(file.name) in _TYPES
    }


def _kind(name: str) -> str:
    return name.rpartition(".")[2]
