"""Counters, gauges and histograms, and their text form (Prometheus exposition format 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import override
else:

    def override(method: object) -> object:
        return method


Labels = tuple[str, ...]
# The data threads and the event loop count the same things.
_lock = Lock()


# Of several processes the sum is wanted of these gauges; of all others the first one's value.
_SUMMED = frozenset(
    (
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "coredns_cache_entries",
    )
)
# Counted by the kernel for all processes together.
_SHARED = frozenset(("kdns_udp_receive_errors_total",))

# Name, kind, label values and numbers of one line: what processes tell each other.
Row = tuple[str, str, tuple[str, ...], list[float]]


class Family:
    """One metric: a value for each set of label values."""

    kind = "counter"

    def __init__(self, name: str, text: str, label_names: Sequence[str] = ()) -> None:
        self.name = name
        self.text = text
        self.label_names = tuple(label_names)
        self.values: dict[Labels, float] = {}

    def add(self, amount: float, *labels: str) -> None:
        with _lock:
            self.values[labels] = self.values.get(labels, 0.0) + amount

    def set(self, value: float, *labels: str) -> None:
        self.values[labels] = value

    def get(self, *labels: str) -> float:
        return self.values.get(labels, 0.0)

    def rows(self) -> Iterable[Row]:
        for labels, value in self.values.copy().items():
            yield self.name, self.kind, labels, [value]

    def plus(self, row: Row) -> None:
        """Add another process's count."""
        _, _, labels, (value,) = row
        self.values[labels] = self.values.get(labels, 0.0) + value

    def blank(self) -> Family:
        """The same without counts."""
        return type(self)(self.name, self.text, self.label_names)

    def lines(self) -> Iterable[str]:
        for labels, value in sorted(self.values.copy().items()):
            yield f"{self.name}{_labels(self.label_names, labels)} {_number(value)}"


class Counter(Family):
    pass


class Gauge(Family):
    kind = "gauge"


class Histogram(Family):
    """Cumulative buckets. `bounds` are upper limits, inclusive, ascending; +Inf is added."""

    kind = "histogram"

    def __init__(self, name: str, text: str, label_names: Sequence[str], bounds: Sequence[float]) -> None:
        super().__init__(name, text, label_names)
        self.bounds = tuple(bounds)
        self._counts: dict[Labels, list[float]] = {}

    def observe(self, value: float, *labels: str, times: int = 1) -> None:
        place = bisect_left(self.bounds, value)
        with _lock:
            counts = self._counts.get(labels)
            if counts is None:
                counts = self._counts[labels] = [0.0] * (len(self.bounds) + 2)
            counts[place] += times
            counts[-1] += value * times

    @override
    def rows(self) -> Iterable[Row]:
        for labels, counts in self._counts.copy().items():
            yield self.name, self.kind, labels, list(counts)

    @override
    def plus(self, row: Row) -> None:
        _, _, labels, counts = row
        own = self._counts.get(labels)
        self._counts[labels] = counts if own is None else [a + b for a, b in zip(own, counts, strict=True)]

    @override
    def blank(self) -> Family:
        return Histogram(self.name, self.text, self.label_names, self.bounds)

    def count(self, *labels: str) -> float:
        return sum(self._counts.get(labels, [0.0])[:-1])

    @override
    def lines(self) -> Iterable[str]:
        names = (*self.label_names, "le")
        for labels, counts in sorted(self._counts.copy().items()):
            total = 0.0
            for bound, count in zip((*self.bounds, float("inf")), counts[:-1], strict=True):
                total += count
                yield f"{self.name}_bucket{_labels(names, (*labels, _number(bound)))} {_number(total)}"
            yield f"{self.name}_sum{_labels(self.label_names, labels)} {_number(counts[-1])}"
            yield f"{self.name}_count{_labels(self.label_names, labels)} {_number(total)}"


class Registry:
    """All metrics of the process. The same name gives the same family."""

    def __init__(self) -> None:
        self.families: dict[str, Family] = {}
        self.collectors: list[Callable[[], None]] = []  # called before each reading
        self.others: Callable[[], list[list[Row]]] = list  # what other processes of this server counted

    def counter(self, name: str, text: str, *label_names: str) -> Counter:
        family = self.families.setdefault(name, Counter(name, text, label_names))
        assert isinstance(family, Counter)
        return family

    def gauge(self, name: str, text: str, *label_names: str) -> Gauge:
        family = self.families.setdefault(name, Gauge(name, text, label_names))
        assert isinstance(family, Gauge)
        return family

    def histogram(self, name: str, text: str, bounds: Sequence[float], *label_names: str) -> Histogram:
        family = self.families.setdefault(name, Histogram(name, text, label_names, bounds))
        assert isinstance(family, Histogram)
        return family

    def rows(self) -> list[Row]:
        """Every value, for the process that adds them up."""
        for collect in self.collectors:
            collect()
        return [row for family in list(self.families.values()) for row in family.rows()]

    def _summed(self) -> dict[str, Family]:
        others = self.others()
        if not others:
            return self.families.copy()
        found: dict[str, Family] = {}
        for name, family in self.families.copy().items():
            found[name] = family.blank()
            for row in family.rows():
                found[name].plus(row)
        for row in (row for rows in others for row in rows):
            name, kind = row[0], row[1]
            if name in found and name not in _SHARED and (kind != "gauge" or name in _SUMMED):
                found[name].plus(row)
        return found

    def render(self) -> str:
        for collect in self.collectors:
            collect()
        lines: list[str] = []
        families = self._summed()
        for name in sorted(families):
            family = families[name]
            found = list(family.lines())
            if found:
                lines += [f"# HELP {name} {family.text}", f"# TYPE {name} {family.kind}", *found]
        return "\n".join(lines) + "\n"


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + ",".join(pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
