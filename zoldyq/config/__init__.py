"""Settings: where they come from, what they may be, and how they are told to people."""

from zoldyq.config.settings import SETTINGS, Settings
from zoldyq.config.table import settings_table

__all__ = ["SETTINGS", "Settings", "settings_table"]
