"""kproxy's metrics in Prometheus' text format, under kube-proxy's names (v1.36).

A small registry of its own: prometheus_client costs a starting daemon 55 ms.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

_HISTOGRAM_BUCKETS = tuple(0.001 * 2**i for i in range(15))
_PROGRAMMING_BUCKETS = (
    0.25,
    0.5,
    *(float(s) for s in range(1, 60)),
    *(float(s) for s in range(60, 120, 5)),
    *(float(s) for s in range(120, 301, 30)),
)
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
        self._labels = tuple(labels)
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
        pairs = [f'{name}="{_escaped(value)}"' for name, value in zip(self._labels, values, strict=True)]
        pairs += more
        return "{" + ",".join(pairs) + "}" if pairs else ""

    def render(self) -> Iterable[str]:
        yield f"# HELP {self.name} {self._text}"
        yield f"# TYPE {self.name} {self._kind}"
        for labels, value in self._values.items():
            yield f"{self.name}{self._label_text(labels)} {_number(value)}"


class Histogram(Metric):
    def __init__(
        self, name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = _HISTOGRAM_BUCKETS
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
    return f"{value:g}"


class ProxyMetrics:
    """All of them; a value that is asked of the kernel at reading time is given by `on_render`."""

    def __init__(self) -> None:
        self._all: list[Metric] = []
        self.on_render: list[Callable[[], None]] = []
        family = ("ip_family",)
        self.sync_duration = self._histogram(
            "sync_proxy_rules_duration_seconds", "SyncProxyRules latency", family
        )
        self.full_duration = self._histogram(
            "sync_full_proxy_rules_duration_seconds", "SyncProxyRules latency of full syncs", family
        )
        self.partial_duration = self._histogram(
            "sync_partial_proxy_rules_duration_seconds", "SyncProxyRules latency of partial syncs", family
        )
        self.last_sync = self._gauge(
            "sync_proxy_rules_last_timestamp_seconds", "When proxy rules were last synced", family
        )
        self.last_queued = self._gauge(
            "sync_proxy_rules_last_queued_timestamp_seconds", "When a sync was last asked for", family
        )
        self.programming = self._histogram(
            "network_programming_duration_seconds",
            "From the change of an endpoint to its rules",
            family,
            _PROGRAMMING_BUCKETS,
        )
        self.no_local_endpoints = self._gauge(
            "sync_proxy_rules_no_local_endpoints_total",
            "Services with a Local traffic policy and no local endpoints",
            (*family, "traffic_policy"),
        )
        self.endpoint_changes_pending = self._gauge(
            "sync_proxy_rules_endpoint_changes_pending", "Endpoint changes not yet in the rules"
        )
        self.endpoint_changes = self._counter("sync_proxy_rules_endpoint_changes_total", "Endpoint changes")
        self.service_changes_pending = self._gauge(
            "sync_proxy_rules_service_changes_pending", "Service changes not yet in the rules"
        )
        self.service_changes = self._counter("sync_proxy_rules_service_changes_total", "Service changes")
        self.healthz = self._counter("proxy_healthz_total", "Answers of /healthz", ("code",))
        self.livez = self._counter("proxy_livez_total", "Answers of /livez", ("code",))
        self.sync_failures = self._counter(
            "sync_proxy_rules_nftables_sync_failures_total", "nftables syncs that failed", family
        )
        self.cleanup_failures = self._counter(
            "sync_proxy_rules_nftables_cleanup_failures_total", "nftables clean-ups that failed", family
        )
        self.conntrack_duration = self._histogram(
            "conntrack_reconciler_sync_duration_seconds", "Time to clean up connection tracking", family
        )
        self.conntrack_deleted = self._counter(
            "conntrack_reconciler_deleted_entries_total", "Connection tracking entries removed", family
        )
        self.repairs = self._counter(
            "rules_repaired_total", "Syncs done because somebody else changed our rules", family
        )
        self.connections = self._counter(
            "service_connections_total", "New connections by service, counted in the kernel", ("service",)
        )
        self.mode = self._gauge("proxy_mode_info", "The backend in use", ("mode",))

    def _add(self, metric: Metric) -> Metric:
        self._all.append(metric)
        return metric

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Metric:
        return self._add(Metric(f"kubeproxy_{name}", "counter", text, labels))

    def _gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Metric:
        return self._add(Metric(f"kubeproxy_{name}", "gauge", text, labels))

    def _histogram(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        buckets: Sequence[float] = _HISTOGRAM_BUCKETS,
    ) -> Histogram:
        metric = Histogram(f"kubeproxy_{name}", text, labels, buckets)
        self._all.append(metric)
        return metric

    def render(self) -> str:
        """Text format 0.0.4."""
        for ask in self.on_render:
            ask()
        return "\n".join(line for metric in self._all for line in metric.render()) + "\n"
