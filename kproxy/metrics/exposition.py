"""Metrics and Prometheus' text format 0.0.4. Pure.

A small registry of its own: prometheus_client costs a starting daemon 55 ms.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SYNC_BUCKETS = tuple(0.001 * 2**i for i in range(15))
_NO_LABELS: tuple[str, ...] = ()


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Metric:
    """A counter or a gauge with fixed label names."""

    def __init__(self, name: str, kind: str, text: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self._kind = kind
        self._text = text
        self.labels = tuple(labels)
        self._values: dict[tuple[str, ...], float] = {} if labels else {_NO_LABELS: 0.0}

    def set(self, value: float, *labels: str) -> None:
        self._values[labels] = value

    def add(self, amount: float, *labels: str) -> None:
        self._values[labels] = self._values.get(labels, 0.0) + amount

    def increment(self, *labels: str) -> None:
        self.add(1, *labels)

    def value(self, *labels: str) -> float:
        return self._values.get(labels, 0.0)

    def clear(self) -> None:
        self._values.clear()

    def _label_text(self, values: tuple[str, ...], *more: str) -> str:
        pairs = [f'{name}="{_escaped(value)}"' for name, value in zip(self.labels, values, strict=True)]
        pairs += more
        return "{" + ",".join(pairs) + "}" if pairs else ""

    def render(self) -> Iterable[str]:
        """Nothing before the first value of a metric with labels, as Prometheus' clients do it."""
        if self._values:
            yield f"# HELP {self.name} {self._text}"
            yield f"# TYPE {self.name} {self._kind}"
        for labels, value in self._values.items():
            yield f"{self.name}{self._label_text(labels)} {_number(value)}"


class Histogram(Metric):
    """Buckets are upper bounds, ascending."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = SYNC_BUCKETS
    ) -> None:
        super().__init__(name, "histogram", text, labels)
        self._buckets = tuple(buckets)
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        if not labels:
            self._start(_NO_LABELS)

    def _start(self, labels: tuple[str, ...]) -> list[int]:
        self._sums.setdefault(labels, 0.0)
        return self._counts.setdefault(labels, [0] * (len(self._buckets) + 1))

    def observe(self, value: float, *labels: str) -> None:
        self._start(labels)[bisect_left(self._buckets, value)] += 1
        self._sums[labels] += value

    def count(self, *labels: str) -> int:
        return sum(self._counts.get(labels, ()))

    def render(self) -> Iterable[str]:
        if self._counts:
            yield f"# HELP {self.name} {self._text}"
            yield f"# TYPE {self.name} histogram"
        for labels, counts in self._counts.items():
            total = 0
            for bound, count in zip((*map(_bound, self._buckets), "+Inf"), counts, strict=True):
                total += count
                le = f'le="{bound}"'
                yield f"{self.name}_bucket{self._label_text(labels, le)} {total}"
            yield f"{self.name}_sum{self._label_text(labels)} {_number(self._sums[labels])}"
            yield f"{self.name}_count{self._label_text(labels)} {total}"


def _bound(value: float) -> str:
    """As Go prints it: seven digits make an exponent, 1048576 is 1.048576e+06."""
    return f"{value:.12g}" if value < 1e6 else _with_exponent(value)


def _with_exponent(value: float) -> str:
    mantissa, _, exponent = f"{value:.12e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"


M = TypeVar("M", bound=Metric)


class Registry:
    """Renders its metrics in the order in which they were made; what is asked for at reading time first."""

    def __init__(self) -> None:
        self._all: list[Metric] = []
        self.on_render: list[Callable[[], None]] = []

    def _add(self, metric: M) -> M:
        self._all.append(metric)
        return metric

    def counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Metric:
        return self._add(Metric(name, "counter", text, labels))

    def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Metric:
        return self._add(Metric(name, "gauge", text, labels))

    def histogram(
        self, name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = SYNC_BUCKETS
    ) -> Histogram:
        return self._add(Histogram(name, text, labels, buckets))

    def labels(self) -> dict[str, tuple[str, ...]]:
        """By name of the metric."""
        return {metric.name: metric.labels for metric in self._all}

    def render(self) -> str:
        for ask in self.on_render:
            ask()
        return "\n".join(line for metric in self._all for line in metric.render()) + "\n"
