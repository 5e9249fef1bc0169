"""The metrics of queues as text, written by templates.

prometheus-client takes 50 microseconds a queue for what takes a few here, and gives no way to
pause. The text is the same, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from prometheus_client.utils import floatToGoString

from zoldyq.contract.statistics import FIGURES, Figure, QueueStats
from zoldyq.pacing import slices

_TOTAL = "_total"
# From here on the text of a number has an exponent.
_LEAST_WITH_EXPONENT = 1_000_000


def queue_families(queues: Iterable[tuple[str, QueueStats]], *, openmetrics: bool) -> Iterator[str]:
    """Yield the families of all queues in Prometheus's text format, or in OpenMetrics.

    ``queues`` are names and statistics. In OpenMetrics each counter tells since when it counts
    (``_created``), so that a queue that is deleted and created again is no mystery. There is a
    pause now and then: see :mod:`zoldyq.pacing`.
    """
    labels: list[str] = []
    stats: list[QueueStats] = []
    created: list[str] = []
    for part in slices(queues):
        labels += [f'{{queue="{name}"}} ' for name, _ in part]
        stats += [each for _, each in part]
        if openmetrics:
            created += [_long_text(each.created_at / 1_000_000) for _, each in part]
    for figure in FIGURES:
        if figure.metric is None:
            continue
        values = map(attrgetter(figure.name), stats)
        if openmetrics and figure.kind == "counter":
            yield _header(figure, figure.metric.removesuffix(_TOTAL))
            yield from _counters(figure.metric.removesuffix(_TOTAL), labels, values, created)
        else:
            yield _header(figure, figure.metric)
            yield from _samples(figure.metric, labels, values)


def _header(figure: Figure, family: str) -> str:
    return f"# HELP {family} {figure.meaning}\n# TYPE {family} {figure.kind}\n"


def _samples(metric: str, labels: Sequence[str], values: Iterable[float | None]) -> Iterator[str]:
    for part in slices(zip(labels, values, strict=True)):
        yield "".join(
            [f"{metric}{label}{_text(value)}\n" for label, value in part if value is not None]
        )


def _counters(
    family: str, labels: Sequence[str], values: Iterable[float], created: Sequence[str]
) -> Iterator[str]:
    for part in slices(zip(labels, values, created, strict=True)):
        yield "".join(
            [
                f"{family}_total{label}{_text(value)}\n{family}_created{label}{since}\n"
                for label, value, since in part
            ]
        )


def _text(value: float) -> str:
    if type(value) is int and 0 <= value < _LEAST_WITH_EXPONENT:
        return f"{value}.0"  # a quarter of the time
    return _long_text(value)


def _long_text(value: float) -> str:
    text: str = floatToGoString(value)  # type: ignore[no-untyped-call]
    return text
