"""The policies of new queues, as the settings give them, which can be read again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from zoldyq.config import SETTINGS, Settings
from zoldyq.contract.errors import ZoldyQError
from zoldyq.contract.policy import FIELDS, Policy

_DEFAULTS = frozenset(f"default_queue_{field.name}" for field in FIELDS)
_OTHERS = tuple(each.name for each in SETTINGS if each.name not in _DEFAULTS)


class Policies:
    """What holds for a queue that is created, by its name.

    ``load`` returns the settings as they are now. Any thread may ask at any time: the settings are
    replaced as a whole. One thread reads them again.
    """

    def __init__(self, settings: Settings, load: Callable[[], Settings] | None = None) -> None:
        self._at_start = settings
        self._settings = settings
        self._load = load

    @property
    def from_file(self) -> bool:
        """Whether they come from a file, which can be read again."""
        return self._load is not None

    def policy_of(self, name: str) -> Policy:
        """Return the policy of a new queue of this name."""
        return Policy(**self._settings.queue_fields(name))

    @property
    def declared(self) -> tuple[str, ...]:
        """The queues that are declared by their names, without patterns."""
        return _plain(self._settings)

    def read_again(self, create: Callable[[str], object]) -> str:
        """Use what the settings say now for queues that are created from now on.

        Queues that are declared and were not before are created with ``create(name)``. Returns
        what has changed, for the log.

        Raises:
            InvalidSetting: there is a mistake.
            ZoldyQError: a queue cannot be created. In both cases the policies stay as they were.
        """
        assert self._load is not None
        before, self._settings = self._settings, self._load()
        known = set(_plain(before))
        try:
            for name in self.declared:
                if name not in known:
                    create(name)
        except ZoldyQError:
            self._settings = before
            raise
        return "; ".join(self._changes(before)) or "nothing has changed"

    def _changes(self, before: Settings) -> Iterator[str]:
        now = self._settings
        changed = [*_defaults(before, now), *_tables(before, now)]
        if changed:
            yield f"changed are {', '.join(changed)}"
        needs_start = [name for name in _OTHERS if _differ(name, self._at_start, now)]
        if needs_start:
            yield f"{', '.join(needs_start)} will hold after a restart"


def _plain(settings: Settings) -> tuple[str, ...]:
    return tuple(each.name.text for each in settings.declared_queues if each.name.plain)


def _differ(name: str, one: Settings, other: Settings) -> bool:
    return bool(getattr(one, name) != getattr(other, name))


def _defaults(before: Settings, now: Settings) -> Iterable[str]:
    return sorted(name for name in _DEFAULTS if _differ(name, before, now))


def _tables(before: Settings, now: Settings) -> Iterable[str]:
    """Return the tables that came, went or changed, and all where their order is another."""
    old = {each.name.text: each.fields for each in before.declared_queues}
    new = {each.name.text: each.fields for each in now.declared_queues}
    kept = [name for name in old if name in new]
    reordered = kept != [name for name in new if name in old]
    names = dict.fromkeys([*old, *new])
    return [f"[queues.{name}]" for name in names if reordered or old.get(name) != new.get(name)]
