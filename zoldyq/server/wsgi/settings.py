"""The document of the settings that hold. They never change while the server runs."""

from __future__ import annotations

from zoldyq.config import SETTINGS, Settings
from zoldyq.config.setting import Setting
from zoldyq.wire import Reply, document_reply, documents


def settings_document(settings: Settings) -> Reply:
    """Return what every setting is. Of a secret it tells only that it is one."""
    told = [_told(each, getattr(settings, each.name)) for each in SETTINGS]
    return document_reply(documents.Settings(told))


def _told(setting: Setting, value: object) -> documents.Setting:
    secret = setting.kind.secret and value != setting.default
    return documents.Setting(
        name=setting.name,
        value=None if secret else setting.kind.show(value) or None,
        default=setting.default_text or None,
        meaning=setting.explanation,
        secret=secret,
    )
