"""The README's table of settings."""

from __future__ import annotations

from zoldyq.config.setting import Setting
from zoldyq.config.settings import SETTINGS

_HEAD = """\
| Flag | Environment | Key in the file | Default | Meaning |
|---|---|---|---|---|
"""


def settings_table() -> str:
    """Render all settings as a Markdown table, ending with a line break."""
    return _HEAD + "".join(map(_row, SETTINGS))


def _row(setting: Setting) -> str:
    default = f"`{setting.default_text}`" if setting.default_text else "none"
    names = f"`{setting.flag}` | `{setting.variable}` | `{setting.name}`"
    return f"| {names} | {default} | {setting.explanation} |\n"
