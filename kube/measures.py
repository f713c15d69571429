"""Counters, histograms and gauges in Prometheus' text form, for the loops beside the API server. No I/O, no clock."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

Labels = tuple[str, ...]


def exponential(first: float, factor: float, count: int) -> tuple[float, ...]:
    """Bounds of buckets."""
    return tuple(first * factor**step for step in range(count))


class Counter:
    def __init__(self, name: str, text: str, labels: Labels) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._values: dict[Labels, float] = {}

    def add(self, *values: str, amount: float = 1) -> None:
        self._values[values] = self._values.get(values, 0) + amount

    def lines(self) -> Iterator[str]:
        yield from _head(self._name, self._text, "counter")
        for values, number in sorted(self._values.items()):
            yield f"{self._name}{_labels(self._labels, values)} {number:g}"


class Histogram:
    def __init__(self, name: str, text: str, labels: Labels, bounds: Sequence[float]) -> None:
        self._name, self._text, self._labels, self._bounds = name, text, labels, tuple(bounds)
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, value: float, *values: str) -> None:
        counts = self._counts.get(values)
        if counts is None:
            counts = self._counts[values] = [0] * (len(self._bounds) + 1)
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[values] = self._sums.get(values, 0.0) + value

    def lines(self) -> Iterator[str]:
        yield from _head(self._name, self._text, "histogram")
        names = (*self._labels, "le")
        for values, counts in sorted(self._counts.items()):
            total = 0
            for bound, count in zip((*(f"{each:g}" for each in self._bounds), "+Inf"), counts, strict=True):
                total += count
                yield f"{self._name}_bucket{_labels(names, (*values, bound))} {total}"
            plain = _labels(self._labels, values)
            yield f"{self._name}_sum{plain} {self._sums[values]:g}"
            yield f"{self._name}_count{plain} {total}"


class Gauge:
    """Read when it is shown; `kind` "counter" for what only grows."""

    def __init__(
        self,
        name: str,
        text: str,
        labels: Labels,
        read: Callable[[], Mapping[Labels, float]],
        kind: str = "gauge",
    ) -> None:
        self._name, self._text, self._labels, self._read, self._kind = name, text, labels, read, kind

    def lines(self) -> Iterator[str]:
        yield from _head(self._name, self._text, self._kind)
        for values, number in sorted(self._read().items()):
            yield f"{self._name}{_labels(self._labels, values)} {number:g}"


class Measures:
    """What one loop counts. A loop that is started anew asks for the same names, and goes on counting."""

    def __init__(self) -> None:
        self._all: dict[str, Counter | Histogram | Gauge] = {}

    def counter(self, name: str, text: str, labels: Labels = ()) -> Counter:
        made = self._all.setdefault(name, Counter(name, text, labels))
        assert isinstance(made, Counter)
        return made

    def histogram(
        self, name: str, text: str, labels: Labels = (), *, bounds: Sequence[float] | None = None
    ) -> Histogram:
        made = self._all.setdefault(name, Histogram(name, text, labels, bounds or exponential(0.001, 2, 15)))
        assert isinstance(made, Histogram)
        return made

    def gauge(
        self,
        name: str,
        text: str,
        labels: Labels,
        read: Callable[[], Mapping[Labels, float]],
        *,
        kind: str = "gauge",
    ) -> None:
        self._all[name] = Gauge(name, text, labels, read, kind)

    def lines(self) -> Iterator[str]:
        for each in self._all.values():
            yield from each.lines()


def _head(name: str, text: str, kind: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _labels(names: Labels, values: Labels) -> str:
    if not names:
        return ""
    escaped = (value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for value in values)
    return "{" + ",".join(f'{name}="{value}"' for name, value in zip(names, escaped, strict=True)) + "}"
