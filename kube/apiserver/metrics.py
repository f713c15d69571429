"""The server's metrics in Prometheus' text form, under kube-apiserver's names.

Counted by hand: a request touches a dict and a list, and start-up is spared a 50 ms import.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping

_LATENCY_BUCKETS_S = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 5.0, 10.0, 30.0, 60.0)


class _Latency:
    __slots__ = ("buckets", "total_s")

    def __init__(self) -> None:
        self.buckets = [0] * (len(_LATENCY_BUCKETS_S) + 1)
        self.total_s = 0.0


class ServerMetrics:
    """Everything is labelled as kube-apiserver labels it: verb, group, version, resource, code."""

    def __init__(self) -> None:
        self._requests: dict[tuple[str, str, str, str, str, int], int] = {}
        self._latency: dict[tuple[str, str, str, str], _Latency] = {}
        self.inflight = 0
        self.watches: dict[tuple[str, str, str], int] = {}
        self._watch_events: dict[tuple[str, str, str], int] = {}
        self.watch_terminated = 0
        self.parts: dict[str, Callable[[], Iterable[str]]] = {}  # what else this process counts, by part

    def observe(
        self, verb: str, gvr: tuple[str, str, str], subresource: str, code: int, took_s: float
    ) -> None:
        key = (verb, *gvr, subresource, code)
        self._requests[key] = self._requests.get(key, 0) + 1
        if verb == "WATCH":
            return
        latency = self._latency.get((verb, *gvr))
        if latency is None:
            latency = self._latency[verb, *gvr] = _Latency()
        latency.buckets[bisect_left(_LATENCY_BUCKETS_S, took_s)] += 1
        latency.total_s += took_s

    def watch_started(self, gvr: tuple[str, str, str]) -> None:
        self.watches[gvr] = self.watches.get(gvr, 0) + 1

    def watch_ended(self, gvr: tuple[str, str, str]) -> None:
        self.watches[gvr] -= 1

    def watch_sent(self, gvr: tuple[str, str, str], events: int) -> None:
        self._watch_events[gvr] = self._watch_events.get(gvr, 0) + events

    def render(self, object_counts: Mapping[str, int], more: Iterable[str] = ()) -> str:
        lines = ["# TYPE apiserver_request_total counter"]
        for (verb, group, version, resource, sub, code), count in sorted(self._requests.items()):
            labels = _labels(
                code=str(code), group=group, resource=resource, subresource=sub, verb=verb, version=version
            )
            lines.append(f"apiserver_request_total{labels} {count}")
        lines.append("# TYPE apiserver_request_duration_seconds histogram")
        for (verb, group, version, resource), latency in sorted(self._latency.items()):
            lines += _histogram(verb, group, version, resource, latency)
        lines.append("# TYPE apiserver_current_inflight_requests gauge")
        lines.append(f"apiserver_current_inflight_requests {self.inflight}")
        lines.append("# TYPE apiserver_longrunning_requests gauge")
        for (group, version, resource), count in sorted(self.watches.items()):
            labels = _labels(group=group, resource=resource, verb="WATCH", version=version)
            lines.append(f"apiserver_longrunning_requests{labels} {count}")
        lines.append("# TYPE apiserver_watch_events_total counter")
        for (group, version, resource), count in sorted(self._watch_events.items()):
            labels = _labels(group=group, resource=resource, version=version)
            lines.append(f"apiserver_watch_events_total{labels} {count}")
        lines.append("# TYPE apiserver_terminated_watchers_total counter")
        lines.append(f"apiserver_terminated_watchers_total {self.watch_terminated}")
        lines.append("# TYPE apiserver_storage_objects gauge")
        for resource, count in sorted(object_counts.items()):
            lines.append(f"apiserver_storage_objects{_labels(resource=resource)} {count}")
        lines += more
        for part in self.parts.values():
            lines += part()
        return "\n".join(lines) + "\n"


def _histogram(verb: str, group: str, version: str, resource: str, latency: _Latency) -> list[str]:
    name, lines, total = "apiserver_request_duration_seconds", [], 0
    for bound, count in zip((*map(str, _LATENCY_BUCKETS_S), "+Inf"), latency.buckets, strict=True):
        total += count
        labels = _labels(group=group, le=bound, resource=resource, verb=verb, version=version)
        lines.append(f"{name}_bucket{labels} {total}")
    labels = _labels(group=group, resource=resource, verb=verb, version=version)
    return [*lines, f"{name}_sum{labels} {latency.total_s:.6f}", f"{name}_count{labels} {total}"]


def _labels(**labels: str) -> str:
    inner = ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())
    return "{" + inner + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
